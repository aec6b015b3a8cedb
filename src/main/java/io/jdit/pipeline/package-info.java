/**
 * What the engine and a family of models agree on: a {@link io.jdit.pipeline.Family} says which
 * {@link io.jdit.pipeline.Parameters} its requests have and builds a {@link
 * io.jdit.pipeline.Model}; the model's parts run in the one loop of {@link
 * io.jdit.pipeline.Generation}.
 */
package io.jdit.pipeline;
