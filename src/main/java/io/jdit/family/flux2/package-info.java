/** FLUX.2 dev and klein: diffusers' Flux2Transformer2DModel. */
package io.jdit.family.flux2;
