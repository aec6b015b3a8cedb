/**
 * The shape of every Diffusion Transformer: {@link io.jdit.transformer.DiffusionTransformer}
 * prepares streams, a {@link io.jdit.transformer.BlockRunner} takes them through groups of {@link
 * io.jdit.transformer.Block}s, and the transformer finishes them. Families have a package of their
 * own below this one.
 */
package io.jdit.transformer;
