package io.jdit.family.wan;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.Guidance;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.scheduler.Trajectory;
import io.jdit.scheduler.UniPcMultistep;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockRunner;
import io.jdit.vae.WanAutoencoder;
import io.jdit.vae.WanVaeConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * TI2V with a picture. What is expected was computed with plain tensor operations in Python, every
 * token with a timestep of its own; with equal timesteps that program gives the reference's output
 * within 5e-7. The picture is the first frame of the fixture's encoder input.
 */
@ExtendWith(NoLeaks.class)
class FirstPictureTest {
  private static final double TOLERANCE = 1e-4;

  @TempDir private Path folder;

  @Test
  void aPictureReplacesTheFirstFrameAtTimestepZero() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan22-ti2v-tiny");
        SafeTensorsFile expected =
            SafeTensorsFile.open(Fixture.ROOT.resolve("wan22-ti2v-tiny/picture.safetensors"))) {
      WanTransformer model = WanTransformerTest.model(f, "transformer", weights);
      WanAutoencoder vae = vae(f, weights);
      Tensor z = vae.encode(f.tensor("vae_encode_input").narrow(2, 0, 1), null);
      Tensor condition = vae.config().latents().normalize(z);
      assertThat(condition).isCloseTo(expected.read("condition"), TOLERANCE);
      Tensor x = f.tensor("latents_init");
      assertThat(output(f, model, x, condition, 999, "cond"))
          .isCloseTo(expected.read("first_output"), TOLERANCE);
      Tensor last = denoised(f, model, x, condition, 14);
      assertThat(last).isCloseTo(expected.read("latents"), TOLERANCE);
      assertThat(FirstPicture.replacing(last, condition))
          .isCloseTo(expected.read("final"), TOLERANCE);
    }
  }

  @Test
  void theModelDoesTheSameWithAFile() throws Exception {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan22-ti2v-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Path file = folder.resolve("first.png");
      Picture picture = picture(64, 64);
      PngWriter.write(file, picture, Map.of());
      WanTransformer model = WanTransformerTest.model(f, "transformer", weights);
      WanAutoencoder vae = vae(f, weights);
      Tensor z = vae.encode(FirstPicture.pixels(picture, 64, 64), null);
      Tensor condition = vae.config().latents().normalize(z);
      Tensor last = denoised(f, model, f.tensor("latents_init"), condition, 14);
      Tensor finished = FirstPicture.replacing(last, condition);
      Tensor decoded = vae.config().latents().denormalize(finished);
      float[][] first = {null};
      vae.decode(decoded, null, frame -> first[0] = first[0] == null ? frame.toFloats() : first[0]);
      Values call =
          Requests.given(f.json().path("call"))
              .with(RequestKeys.IMAGE_PATH, List.of(file.toString()));
      engine.call(
          () -> {
            try (TensorScope inner = TensorScope.open();
                Generation g =
                    engine.begin(engine.parameters().resolve(call), Acceleration.none())) {
              g.encode();
              while (!g.done()) {
                g.step();
              }
              assertThat(g.latents()).isCloseTo(finished, TOLERANCE);
              g.decode(
                  (output, frame, p) -> {
                    if (frame == 0) {
                      requireClose(p, first[0]);
                    }
                  });
              return null;
            }
          });
    }
  }

  private static void requireClose(Picture p, float[] e) {
    int pixels = p.width() * p.height();
    for (int i = 0; i < 3 * pixels; i++) {
      double unit = Math.max(0, Math.min(1, e[i] / 2 + 0.5));
      int found = p.rgb()[i % pixels * 3 + i / pixels] & 255;
      Assertions.assertThat(found - 255 * unit).isBetween(-1.0, 1.0);
    }
  }

  private static WanAutoencoder vae(Fixture f, TensorScope weights) {
    return f.build(
        "vae",
        DType.FLOAT32,
        weights,
        w -> new WanAutoencoder(WanVaeConfig.read(f.config("vae")), w));
  }

  private static Tensor denoised(
      Fixture f, WanTransformer model, Tensor start, Tensor condition, int steps) {
    Guidance guidance = Guidance.classifierFree(5);
    Tensor x = start;
    try (Trajectory t =
        new UniPcMultistep(new UniPcMultistep.Config(1000, 5, 2, true, true, Set.of()))
            .trajectory(steps)) {
      for (int i = 0; i < steps; i++) {
        Tensor[] v = {
          output(f, model, x, condition, t.timestep(i), "cond"),
          output(f, model, x, condition, t.timestep(i), "uncond")
        };
        x = t.step(i, x, guidance.combine(v, "transformer"));
      }
    }
    return x;
  }

  private static Tensor output(
      Fixture f, WanTransformer model, Tensor x, Tensor condition, float timestep, String branch) {
    WanInputs in = WanTransformerTest.inputs(f, model, "transformer", timestep, branch);
    return model.forward(
        new WanInputs(
            FirstPicture.replacing(x, condition),
            in.timestep(),
            Tensor.zeros(DType.FLOAT32, Device.CPU, 1),
            in.promptEmbeds(),
            null,
            in.rotary()),
        BlockRunner.direct());
  }

  private static Picture picture(int width, int height) {
    byte[] rgb = new byte[3 * width * height];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = (byte) (i * 7 + i / 192 * 5);
    }
    return new Picture(width, height, rgb);
  }

  @Test
  void theMaskIsOneInTheFirstLatentFrame() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan21-i2v-tiny")) {
      WanAutoencoder vae = vae(f, weights);
      Tensor pixels = FirstPicture.pixels(Requests.picture(f.tensor("i2v.image_u8")), 48, 32);
      Tensor video = FirstPicture.asVideo(pixels, 9);
      assertThat(video).isCloseTo(f.tensor("i2v.vae_encode_input"), 1e-6);
      Tensor z = vae.config().latents().normalize(vae.encode(video, null));
      assertThat(FirstPicture.masked(z)).isCloseTo(f.tensor("i2v.condition"), TOLERANCE);
    }
  }
}
