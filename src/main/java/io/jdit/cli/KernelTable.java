package io.jdit.cli;

import io.jdit.kernels.KernelCheck;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.DeviceWorker;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/** The kernels of a device against their twins, as a table. */
final class KernelTable {
  private static final int RUNS = 9;

  private KernelTable() {}

  /**
   * Prints it.
   *
   * @return whether every kernel gave what its twin gives
   */
  static boolean print(Device device, PrintWriter out) throws Exception {
    // FLUX.1's shapes for 1024 x 1024 pixels; a CPU gets less to do.
    long tokens = device.isCuda() ? 4096 : 1024;
    long heads = device.isCuda() ? 24 : 12;
    long headDim = device.isCuda() ? 128 : 64;
    out.printf(
        Locale.ROOT,
        "Kernels on %s, %d tokens of %d features, against tensor operators in float32:%n",
        device,
        tokens,
        heads * headDim);
    boolean passed = true;
    try (DeviceWorker worker = new DeviceWorker("jdit-kernels", device, 0)) {
      for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16)) {
        List<KernelCheck.Result> results =
            worker.call(() -> new KernelCheck(device, dtype, tokens, heads, headDim, RUNS).run());
        for (KernelCheck.Result r : results) {
          passed &= r.passed();
          out.printf(
              Locale.ROOT,
              "%s %-20s %-8s differs by %.1e of %.1e  %9.3f ms%s%n",
              r.passed() ? " " : "!",
              r.kernel(),
              r.dtype().text(),
              r.difference(),
              r.bound(),
              r.milliseconds(),
              speed(r));
        }
      }
    }
    return passed;
  }

  private static String speed(KernelCheck.Result r) {
    return r.bytes() == 0
        ? ""
        : String.format(
            Locale.ROOT,
            "  %7.1f GB/s  %3.0f %% of a copy",
            r.bytes() / r.milliseconds() / 1e6,
            100 * r.ofCopy());
  }
}
