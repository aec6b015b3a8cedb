/** Autoencoders between pictures and latents. */
package io.jdit.vae;
