package io.jdit.kernels;

import io.jdit.tensor.Device;

/**
 * The process's standard output while a native library prints to it what nobody asked for. Scripts
 * read paths of pictures from there.
 */
public final class StandardOutput implements AutoCloseable {
  private final boolean muted;

  private StandardOutput(boolean muted) {
    this.muted = muted;
  }

  /**
   * Discards everything that this process, all its threads and Java's {@code System.out} among
   * them, prints until the result is closed. Without the CPU library nothing is discarded.
   */
  public static StandardOutput mute() {
    // It also fails when the standard output is closed: then there is nothing to keep clean.
    return new StandardOutput(NativeLibraries.cpu().loaded() && CpuKernels.jdit_mute_stdout() == 0);
  }

  @Override
  public void close() {
    if (muted) {
      NativeCall.check(CpuKernels.jdit_unmute_stdout(), Device.CPU);
    }
  }
}
