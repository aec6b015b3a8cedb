/** Wan 2.1 and 2.2: text, pictures, or both to video. */
package io.jdit.family.wan;
