/** FLUX.1: diffusers' FluxTransformer2DModel. */
package io.jdit.family.flux1;
