package io.jdit.tensor;

import java.util.Locale;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where a tensor lives.
 *
 * @param index ordinal of the CUDA device, 0 for the others
 */
public record Device(Type type, int index) {
  /** Kinds of devices; {@code META} holds shapes without data. */
  public enum Type {
    CPU,
    CUDA,
    META
  }

  private static final Logger LOG = LoggerFactory.getLogger(Device.class);

  public static final Device CPU = new Device(Type.CPU, 0);
  public static final Device META = new Device(Type.META, 0);

  public static Device cuda(int index) {
    return new Device(Type.CUDA, index);
  }

  /**
   * Reads {@code cpu}, {@code cuda}, {@code cuda:N} or {@code auto} (the first CUDA device when
   * there is one, else the CPU; LibTorch's CUDA build then warns of the reason).
   *
   * @throws IllegalArgumentException for other texts, and for CUDA where LibTorch finds none: a run
   *     never falls back to the CPU unasked
   */
  public static Device parse(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (lower.equals("cpu")) {
      return CPU;
    }
    if (lower.equals("auto")) {
      if (Torch.cudaDevices() > 0) {
        return cuda(0);
      }
      if (CudaSupport.isBuilt()) {
        LOG.warn("running on the CPU: {}", CudaSupport.absence());
      }
      return CPU;
    }
    if (lower.matches("cuda(:\\d{1,3})?")) {
      int index = lower.length() > 5 ? Integer.parseInt(lower.substring(5)) : 0;
      int found = Torch.cudaDevices();
      if (index >= found) {
        throw new IllegalArgumentException(
            "device "
                + text
                + " is not available: LibTorch sees "
                + (found == 0
                    ? "no CUDA device: " + CudaSupport.absence()
                    : found + " CUDA devices")
                + "; --device cpu runs without");
      }
      return cuda(index);
    }
    throw new IllegalArgumentException(
        "unknown device '" + text + "': use cpu, cuda, cuda:N or auto");
  }

  public boolean isCpu() {
    return type == Type.CPU;
  }

  public boolean isCuda() {
    return type == Type.CUDA;
  }

  public boolean isMeta() {
    return type == Type.META;
  }

  org.bytedeco.pytorch.Device handle() {
    return switch (type) {
      case CPU -> new org.bytedeco.pytorch.Device(DeviceType.CPU);
      case CUDA -> new org.bytedeco.pytorch.Device(DeviceType.CUDA, (byte) index);
      case META -> new org.bytedeco.pytorch.Device(DeviceType.Meta);
    };
  }

  static Device of(org.bytedeco.pytorch.Device device) {
    DeviceType type = device.type().intern();
    return switch (type) {
      case CPU -> CPU;
      case CUDA -> cuda(Math.max(0, device.index()));
      case Meta -> META;
      default ->
          throw new IllegalArgumentException("LibTorch device " + type + " is not supported");
    };
  }

  @Override
  public String toString() {
    return type == Type.CUDA ? "cuda:" + index : type.name().toLowerCase(Locale.ROOT);
  }
}
