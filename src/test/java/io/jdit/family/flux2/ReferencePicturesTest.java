package io.jdit.family.flux2;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.ModelCost;
import io.jdit.engine.Result;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.PictureAssert;
import io.jdit.testing.Requests;
import io.jdit.testing.TinyPipeline;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Reference pictures. {@code pictures.safetensors} of the fixtures was computed by diffusers'
 * pipelines from the pictures that {@link #drawn} makes.
 */
@ExtendWith(NoLeaks.class)
class ReferencePicturesTest {
  private static final double TOLERANCE = 1e-4;
  private static final String PROMPT = "the castle behind the fox";
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"flux2-tiny", "flux2-klein-tiny"})
  void onePictureAsInTheReference(String name) throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu());
        Model model = new Flux2().build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      Tensor pixels = f.tensor("edit.image_u8_hwc").to(DType.UINT8);
      Picture picture = new Picture(80, 64, pixels.toBytes());
      Values call =
          Requests.given(f.json().path("runs").path("edit").path("call"))
              .with(RequestKeys.IMAGE_PATH, files(picture));
      Request request = engine.parameters().resolve(call);
      assertThat(model.encodeShared(request, new ArrayList<>()).get("image_latents"))
          .isCloseTo(f.tensor("edit.image_latents"), TOLERANCE);
      try (Result r = engine.generate(call)) {
        assertThat(r.latents()).isCloseTo(f.tensor("edit.final_latents"), TOLERANCE);
      }
    }
  }

  /** Of different sizes, none a multiple of 16; the output is as large as the first. */
  @ParameterizedTest
  @CsvSource({"flux2-tiny, 104", "flux2-klein-tiny, 64"})
  void severalPicturesAsInTheReference(String name, int tokens) throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        SafeTensorsFile expected = pictures(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu());
        Model model = new Flux2().build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      Values call =
          request(PROMPT, 3, 2.5, 11, tokens)
              .with(RequestKeys.IMAGE_PATH, files(drawn(100, 70, 1), drawn(90, 200, 2)));
      Request request = engine.parameters().resolve(call);
      Assertions.assertThat(request.width()).isEqualTo(96);
      Assertions.assertThat(request.height()).isEqualTo(64);
      assertThat(model.encodeShared(request, new ArrayList<>()).get("image_latents"))
          .isCloseTo(expected.read("two.image_latents"), TOLERANCE);
      try (Result r = engine.generate(call)) {
        assertThat(r.latents()).isCloseTo(expected.read("two.final_latents"), TOLERANCE);
        PictureAssert.assertWithinOneLevel(r.pictures().get(0), expected.read("two.image"));
      }
    }
  }

  /** 1.26 million pixels become 1277 x 821, of which 1264 x 816 are left. */
  @Test
  void largePicturesAsInTheReference() throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("flux2-klein-tiny");
        SafeTensorsFile expected = pictures("flux2-klein-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu());
        Result r =
            engine.generate(
                request("two boats", 2, 1, 12, 48)
                    .with(RequestKeys.HEIGHT, 48)
                    .with(RequestKeys.WIDTH, 112)
                    .with(RequestKeys.IMAGE_PATH, files(drawn(1400, 900, 1))))) {
      assertThat(r.latents()).isCloseTo(expected.read("large.final_latents"), TOLERANCE);
    }
  }

  /** Klein as published: four steps, and a guidance without effect, which is said. */
  @Test
  void theDistilledModelAsInTheReference() {
    TinyPipeline copy = TinyPipeline.copy("flux2-klein-tiny", folder.resolve("distilled"));
    copy.edit("model_index.json", "\"is_distilled\": false", "\"is_distilled\": true");
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile expected = pictures("flux2-klein-tiny");
        Engine engine = Engine.load(copy.folder(), Strategies.cpu())) {
      Values call =
          Values.of(RequestKeys.PROMPT, "two boats")
              .with(RequestKeys.HEIGHT, 80)
              .with(RequestKeys.WIDTH, 48)
              .with(RequestKeys.MAX_SEQUENCE_LENGTH, 64)
              .with(RequestKeys.SEED, BigInteger.valueOf(13));
      try (Result r = engine.generate(call)) {
        Assertions.assertThat(r.request().steps()).isEqualTo(4);
        Assertions.assertThat(r.request().notes()).isEmpty();
        assertThat(r.latents()).isCloseTo(expected.read("distilled.final_latents"), TOLERANCE);
        PictureAssert.assertWithinOneLevel(r.pictures().get(0), expected.read("distilled.image"));
      }
      try (Result r = engine.generate(call.with(RequestKeys.GUIDANCE_SCALE, 4.0))) {
        Assertions.assertThat(r.request().notes())
            .singleElement()
            .asString()
            .contains("guidance_scale 4.0 has no effect");
        assertThat(r.latents()).isCloseTo(expected.read("distilled.final_latents"), TOLERANCE);
      }
    }
  }

  @Test
  void requestsThatCannotBeRun() throws IOException {
    try (Fixture f = new Fixture("flux2-tiny")) {
      Parameters parameters = new Flux2().parameters(ModelFolder.open(f.pipeline()));
      Values call = Values.of(RequestKeys.PROMPT, PROMPT);
      refused(parameters, call.with(RequestKeys.HEIGHT, 100), "height 100 is not a multiple of 16");
      refused(parameters, call.with(RequestKeys.NEGATIVE_PROMPT, "x"), "negative_prompt is no");
      refused(parameters, call.with(RequestKeys.TRUE_CFG_SCALE, 2.0), "true_cfg_scale is no");
      refused(parameters, with(call, "no-such-file.png"), "no-such-file.png does not exist");
      Path text = Files.writeString(folder.resolve("text.png"), "no picture");
      refused(parameters, with(call, text.toString()), "text.png: not a picture");
      refused(parameters, with(call, files(drawn(63, 200, 1)).get(0)), "63 x 200 pixels");
      refused(parameters, with(call, files(drawn(600, 70, 1)).get(0)), "600 x 70 pixels");
      List<String> eleven = Collections.nCopies(11, files(drawn(64, 64, 1)).get(0));
      refused(
          parameters,
          call.with(RequestKeys.IMAGE_PATH, eleven),
          "--image-path is given 11 times, this model takes 10");
    }
  }

  private static void refused(Parameters parameters, Values request, String message) {
    Assertions.assertThatThrownBy(() -> parameters.resolve(request))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(message);
  }

  private static Values with(Values call, String file) {
    return call.with(RequestKeys.IMAGE_PATH, List.of(file));
  }

  @Test
  void whatPicturesCostIsKnown() throws IOException {
    try (Fixture f = new Fixture("flux2-tiny")) {
      ModelCost cost =
          ModelCost.of(
              f.pipeline(),
              Values.of(RequestKeys.IMAGE_PATH, files(drawn(100, 70, 1), drawn(90, 200, 2))));
      // 96 x 64 pixels, once as the output and once as a picture, 80 x 192, and the text.
      Assertions.assertThat(cost.transformer().attentions())
          .anySatisfy(a -> Assertions.assertThat(a.queries()).isEqualTo(24 + 24 + 60 + 512));
    }
  }

  private static Values request(String prompt, int steps, double guidance, int seed, int tokens) {
    return Values.of(RequestKeys.PROMPT, prompt)
        .with(RequestKeys.NUM_INFERENCE_STEPS, steps)
        .with(RequestKeys.GUIDANCE_SCALE, guidance)
        .with(RequestKeys.SEED, BigInteger.valueOf(seed))
        .with(RequestKeys.MAX_SEQUENCE_LENGTH, tokens);
  }

  private static SafeTensorsFile pictures(String name) {
    return SafeTensorsFile.open(Fixture.ROOT.resolve(name).resolve("pictures.safetensors"));
  }

  private List<String> files(Picture... pictures) throws IOException {
    List<String> files = new ArrayList<>();
    for (Picture picture : pictures) {
      Path file = folder.resolve(picture.width() + "x" + picture.height() + ".png");
      PngWriter.write(file, picture, Map.of());
      files.add(file.toString());
    }
    return files;
  }

  /** Level (k x^2 + 3 y (c + 1) + 40 c) / (c + 2) modulo 256 of channel c. */
  private static Picture drawn(int width, int height, int k) {
    byte[] rgb = new byte[3 * width * height];
    for (int i = 0; i < rgb.length; i++) {
      int c = i % 3;
      int x = i / 3 % width;
      int y = i / 3 / width;
      rgb[i] = (byte) ((k * x * x + 3 * y * (c + 1) + 40 * c) / (c + 2));
    }
    return new Picture(width, height, rgb);
  }
}
