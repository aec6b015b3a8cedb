/** Autoencoders between pictures or videos and latents. */
package io.jdit.vae;
