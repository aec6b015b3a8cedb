package io.jdit.kernels;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;

/**
 * How JavaCPP reads {@code jdit_kernels.h} and {@code jdit_graph.h} for the CUDA library, see
 * {@link KernelsPreset}.
 */
@Properties(
    value =
        @Platform(
            include = {"jdit_kernels.h", "jdit_graph.h"},
            link = "jdit_kernels_cuda"),
    global = "io.jdit.kernels.CudaKernels")
public class CudaKernelsPreset extends KernelsPreset {}
