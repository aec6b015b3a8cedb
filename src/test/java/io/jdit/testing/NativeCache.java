package io.jdit.testing;

import io.jdit.kernels.NativeLibraries;
import io.jdit.tensor.Torch;
import org.bytedeco.ffmpeg.global.avformat;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch_gloo;

/**
 * Unpacks the native libraries into JavaCPP's cache before the tests: where that is empty, a
 * process that finds a library while another one writes it can end with SIGBUS.
 */
final class NativeCache {
  private NativeCache() {}

  public static void main(String[] args) {
    Torch.load();
    NativeLibraries.cpu();
    Loader.load(torch_gloo.class);
    Loader.load(avformat.class);
    Loader.load(swscale.class);
  }
}
