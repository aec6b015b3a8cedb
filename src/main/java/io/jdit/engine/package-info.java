/**
 * What runs models: {@link io.jdit.engine.Engine#load} opens a model folder of any family, {@link
 * io.jdit.engine.Engine#generate} runs a request on the model's thread. Around it the runs of the
 * command line (prompts, batches, measurements), which know files, ranks and settings, and no
 * terminal.
 */
package io.jdit.engine;
