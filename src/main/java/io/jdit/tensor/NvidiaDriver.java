package io.jdit.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The NVIDIA kernel driver of this machine.
 *
 * @param version for example {@code 580.65.06}
 */
public record NvidiaDriver(String version) {
  /**
   * First branch that runs CUDA 13, from NVIDIA's table of minor version compatibility (CUDA
   * release notes). An older one can do with NVIDIA's package cuda-compat on data centre cards.
   */
  public static final int OLDEST_BRANCH = 580;

  /** Where the loaded kernel module describes itself, inside containers too. */
  static final Path MODULE = Path.of("/proc/driver/nvidia/version");

  private static final Pattern VERSION = Pattern.compile("\\b(\\d{3,4})(\\.\\d+){1,2}\\b");

  /** The loaded driver; empty where there is none, or none that tells, as under Windows (WSL 2). */
  public static Optional<NvidiaDriver> installed() {
    return read(MODULE);
  }

  static Optional<NvidiaDriver> read(Path module) {
    try {
      Matcher matcher = VERSION.matcher(Files.readString(module));
      return matcher.find() ? Optional.of(new NvidiaDriver(matcher.group())) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  public boolean isTooOld() {
    return Integer.parseInt(version.substring(0, version.indexOf('.'))) < OLDEST_BRANCH;
  }
}
