/**
 * JDiT's own C++ and CUDA kernels behind a C ABI ({@code src/main/cpp/include/jdit_kernels.h}):
 * {@link io.jdit.kernels.Kernels} is the entry, {@link io.jdit.kernels.EagerKernels} the same
 * functions written with tensor operators, {@link io.jdit.kernels.NativeLibraries} what was loaded.
 */
package io.jdit.kernels;
