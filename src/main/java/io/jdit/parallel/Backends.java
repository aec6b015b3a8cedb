package io.jdit.parallel;

import io.jdit.kernels.StandardOutput;
import io.jdit.tensor.Torch;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.Backend;
import org.bytedeco.pytorch.GlooDeviceVector;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.global.torch_gloo;
import org.bytedeco.pytorch.global.torch_nccl;
import org.bytedeco.pytorch.gloo.Device;
import org.bytedeco.pytorch.nccl.ProcessGroupNCCL;

/** Makes c10d's backends. The natives of NCCL are loaded only when it is asked for. */
final class Backends {
  private static final String INTERFACES = "GLOO_SOCKET_IFNAME";

  private Backends() {}

  /** Gloo tells every connection on the standard output, where scripts read paths. */
  static Backend gloo(Rendezvous rendezvous, int rank, int size, Duration timeout) {
    Torch.load();
    Loader.load(torch_gloo.class);
    StandardOutput muted = StandardOutput.mute();
    try (Milliseconds limit = new Milliseconds(timeout.toMillis());
        ProcessGroupGloo.Options options = ProcessGroupGloo.Options.create(limit);
        GlooDeviceVector devices = options.devices()) {
      addDevices(devices, rendezvous);
      return new ProcessGroupGloo(rendezvous.store(), rank, size, options);
    } finally {
      muted.close();
    }
  }

  /** The interfaces that the variable names, as in PyTorch; else that of the meeting point. */
  private static void addDevices(GlooDeviceVector devices, Rendezvous rendezvous) {
    List<String> names = interfaces(System.getenv(INTERFACES));
    if (names.isEmpty()) {
      try (Device device =
          ProcessGroupGloo.createDeviceForHostname(rendezvous.localAddress(), false)) {
        devices.push_back(device);
      }
    }
    for (String name : names) {
      try (Device device = ProcessGroupGloo.createDeviceForInterface(name, false)) {
        devices.push_back(device);
      }
    }
  }

  /**
   * @param names separated by commas; null for none
   * @throws IllegalArgumentException when this host has no such interface
   */
  static List<String> interfaces(String names) {
    if (names == null || names.isBlank()) {
      return List.of();
    }
    List<String> wanted = Arrays.stream(names.split(",")).map(String::strip).toList();
    try {
      List<String> present = NetworkInterface.networkInterfaces().map(i -> i.getName()).toList();
      for (String name : wanted) {
        if (!present.contains(name)) {
          throw new IllegalArgumentException(
              INTERFACES + " names '" + name + "', the interfaces of this host are " + present);
        }
      }
    } catch (SocketException e) {
      throw new IllegalStateException("the interfaces of this host cannot be listed", e);
    }
    return wanted;
  }

  static Backend nccl(Rendezvous rendezvous, int rank, int size, Duration timeout) {
    Torch.load();
    Loader.load(torch_nccl.class);
    try (Rendezvous own = rendezvous.prefixed("nccl");
        Milliseconds limit = new Milliseconds(timeout.toMillis());
        ProcessGroupNCCL.Options options = ProcessGroupNCCL.Options.create()) {
      options.timeout(limit);
      return new ProcessGroupNCCL(own.store(), rank, size, options);
    }
  }
}
