/**
 * Pipelines: from a prompt to pictures. {@link io.jdit.pipeline.Pipelines#load} opens a model
 * folder, {@link io.jdit.pipeline.Pipeline#generate} runs a {@link
 * io.jdit.pipeline.GenerationRequest}.
 */
package io.jdit.pipeline;
