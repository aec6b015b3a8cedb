/**
 * Tensors over LibTorch with explicit ownership: every {@link io.jdit.tensor.Tensor} has exactly
 * one owner, a {@link io.jdit.tensor.TensorScope} or the code that made it, and nothing waits for
 * the garbage collector.
 */
package io.jdit.tensor;
