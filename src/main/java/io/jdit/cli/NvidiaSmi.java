package io.jdit.cli;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What the driver's own tool says of the GPUs: it works where LibTorch sees none. */
final class NvidiaSmi {
  /**
   * A GPU.
   *
   * @param capability compute capability, for example 9.0
   * @param memory with its unit
   */
  record Gpu(String index, String name, double capability, String memory) {
    /**
     * LibTorch's CUDA build has machine code from 7.5 on, and none that newer drivers translate.
     */
    static final double OLDEST = 7.5;

    boolean isTooOld() {
      return capability < OLDEST;
    }
  }

  private static final List<String> QUERY =
      List.of("--query-gpu=index,name,compute_cap,memory.total", "--format=csv,noheader");

  private NvidiaSmi() {}

  /** The GPUs of this machine; none where there is no {@code nvidia-smi} or it fails. */
  static List<Gpu> gpus() {
    return gpus("nvidia-smi");
  }

  static List<Gpu> gpus(String tool) {
    List<String> command = new ArrayList<>(List.of(tool));
    command.addAll(QUERY);
    try {
      Process process = new ProcessBuilder(command).redirectError(Redirect.DISCARD).start();
      process.getOutputStream().close();
      // A driver in trouble can keep the tool waiting.
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        return List.of();
      }
      String csv = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.exitValue() == 0 ? parse(csv) : List.of();
    } catch (IOException e) {
      return List.of();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return List.of();
    }
  }

  private static List<Gpu> parse(String csv) {
    List<Gpu> gpus = new ArrayList<>();
    for (String line : csv.lines().toList()) {
      String[] fields = line.split(", ");
      if (fields.length == 4 && fields[2].matches("\\d+\\.\\d+")) {
        gpus.add(new Gpu(fields[0], fields[1], Double.parseDouble(fields[2]), fields[3]));
      }
    }
    return gpus;
  }
}
