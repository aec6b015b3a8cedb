/** FLUX.1: diffusers' FluxTransformer2DModel. */
package io.jdit.transformer.flux;
