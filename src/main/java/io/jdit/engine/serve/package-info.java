/**
 * Many requests on few models: they wait in a queue, take their denoising steps in turn or
 * together, and outlive the process as files. Knows generations by name only: what computes is a
 * {@link io.jdit.engine.serve.StepRunner}.
 */
package io.jdit.engine.serve;
