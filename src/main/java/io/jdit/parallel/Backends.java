package io.jdit.parallel;

import io.jdit.tensor.Torch;
import java.time.Duration;
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
  private Backends() {}

  static Backend gloo(Rendezvous rendezvous, int rank, int size, Duration timeout) {
    Torch.load();
    Loader.load(torch_gloo.class);
    try (Milliseconds limit = new Milliseconds(timeout.toMillis());
        ProcessGroupGloo.Options options = ProcessGroupGloo.Options.create(limit);
        Device device = ProcessGroupGloo.createDeviceForHostname(rendezvous.localAddress());
        GlooDeviceVector devices = options.devices()) {
      devices.push_back(device);
      return new ProcessGroupGloo(rendezvous.store(), rank, size, options);
    }
  }

  static Backend nccl(Rendezvous rendezvous, int rank, int size, Duration timeout) {
    Torch.load();
    Loader.load(torch_nccl.class);
    try (Milliseconds limit = new Milliseconds(timeout.toMillis());
        ProcessGroupNCCL.Options options = ProcessGroupNCCL.Options.create()) {
      options.timeout(limit);
      return new ProcessGroupNCCL(rendezvous.prefixed("nccl").store(), rank, size, options);
    }
  }
}
