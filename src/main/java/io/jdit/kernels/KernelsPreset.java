package io.jdit.kernels;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/**
 * How JavaCPP reads {@code jdit_kernels.h} for the CPU library. The result, {@code CpuKernels}, is
 * committed; {@code scripts/generate-bindings} makes it anew after a change of the header.
 */
@Properties(
    value = @Platform(include = "jdit_kernels.h", link = "jdit_kernels"),
    global = "io.jdit.kernels.CpuKernels")
public class KernelsPreset implements InfoMapper {
  @Override
  public void map(InfoMap infoMap) {
    infoMap.put(new Info("JDIT_EXPORT", "JDIT_BUILDING").cppTypes().annotations());
    infoMap.put(
        new Info(
                "jdit_graph::find",
                "jdit_graph::Pool",
                "jdit_graph::kSize",
                "jdit_graph::kThreadLocal")
            .skip());
  }
}
