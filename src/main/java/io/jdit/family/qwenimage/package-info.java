/** Qwen-Image: diffusers' QwenImageTransformer2DModel. */
package io.jdit.family.qwenimage;
