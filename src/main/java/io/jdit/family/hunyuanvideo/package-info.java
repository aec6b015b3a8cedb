/** HunyuanVideo: text to video. */
package io.jdit.family.hunyuanvideo;
