/**
 * Layers that read their own weights: built from {@link io.jdit.checkpoint.Weights}, no training,
 * no reflection.
 */
package io.jdit.nn;
