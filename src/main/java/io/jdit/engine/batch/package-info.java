/**
 * Batches: a file of prompts, a manifest of the finished pictures, and queues that share the work
 * among processes. Nothing here needs a model, so all of it is tested without one.
 */
package io.jdit.engine.batch;
