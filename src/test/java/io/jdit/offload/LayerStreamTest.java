package io.jdit.offload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.Residency;
import io.jdit.checkpoint.SyntheticWeights;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.DeviceCopy;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * When a layer's tensors are copied, waited for and let go, by a copy that writes down its calls.
 */
@ExtendWith(NoLeaks.class)
class LayerStreamTest {
  private static final StreamSettings SETTINGS = new StreamSettings(0, 0, ResidencyPolicy.LEADING);

  private final List<String> calls = Collections.synchronizedList(new ArrayList<>());
  private final List<Tensor> sent = Collections.synchronizedList(new ArrayList<>());

  private final DeviceCopy copy =
      new DeviceCopy() {
        @Override
        public Tensor read(Supplier<Tensor> file) {
          Tensor tensor = file.get();
          sent.add(tensor);
          note("read");
          return tensor;
        }

        @Override
        public void finish() {
          note("finish");
        }

        @Override
        public void use(Tensor read) {
          assertThat(sent).contains(read);
          note("use");
        }

        @Override
        public void computed() {
          note("computed");
        }
      };

  private void note(String call) {
    String thread = Thread.currentThread().getName();
    calls.add(call + (thread.equals("jdit-read-test") ? ", reading" : ""));
  }

  @Test
  void theReadingThreadWaitsForCopiesAndTheComputingOneForItsKernels() {
    try (SyntheticWeights source = new SyntheticWeights(0);
        TensorScope owner = TensorScope.unbound();
        LayerStream stream = new LayerStream("test", source, SETTINGS, copy)) {
      Weights weights = new Weights(source, DType.FLOAT32, Device.CPU, owner, stream);
      Residency.Held<List<Tensor>> layer =
          weights.at("a").hold(w -> List.of(w.get("weight", 2, 3), w.get("bias", 2)));
      stream.built(weights);
      assertThat(calls).isEmpty();
      List<Tensor> used = new ArrayList<>();
      double first =
          layer.use(
              tensors -> {
                note("work");
                used.addAll(tensors);
                return tensors.get(0).toFloats()[0];
              });
      assertThat(first).isNotZero();
      assertThat(calls)
          .containsExactly(
              "read, reading",
              "read, reading",
              "finish, reading",
              "use",
              "use",
              "work",
              "computed");
      assertThat(used).allMatch(Tensor::isClosed);
      calls.clear();
      assertThatThrownBy(
              () ->
                  layer.use(
                      tensors -> {
                        throw new IllegalStateException("given up");
                      }))
          .hasMessage("given up");
      // Memory that kernels may still read is safe by what was said of its use.
      assertThat(calls).endsWith("use", "use");
    }
    assertThat(sent).allMatch(Tensor::isClosed);
  }
}
