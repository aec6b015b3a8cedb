/** Z-Image: diffusers' ZImageTransformer2DModel. */
package io.jdit.family.zimage;
