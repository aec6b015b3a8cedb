package io.jdit.family.qwenimage;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.CacheStatistics;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.ConfigException;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.ModelCost;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Branches;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.GivenPictures;
import io.jdit.pipeline.KeptConditions;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Parts;
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
import io.jdit.transformer.Acceleration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Edits of pictures, with the small working areas of the fixtures. */
@ExtendWith(NoLeaks.class)
class QwenImageEditTest {
  private static final double TOLERANCE = 1e-4;
  private static final String EDIT = "qwen-image-edit-tiny";
  private static final String PLUS = "qwen-image-edit-plus-tiny";
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {EDIT, PLUS})
  void everyRunOfTheReferenceIsReproduced(String name) throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Model model = family(f).build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      try (Generation g = generation(f, model, f.json(), Acceleration.none())) {
        assertThat(g.latents()).isCloseTo(f.tensor("latents_init"), 1e-6);
        finish(g);
        assertThat(g.latents()).isCloseTo(f.tensor("latents_step11"), TOLERANCE);
        g.decode((o, i, picture) -> PictureAssert.assertWithinOneLevel(picture, f.tensor("image")));
      }
      for (Map.Entry<String, JsonNode> run : f.json().path("runs").properties()) {
        try (Generation g = generation(f, model, run.getValue(), Acceleration.none())) {
          finish(g);
          assertThat(g.latents())
              .as(run.getKey())
              .isCloseTo(f.tensor("run." + run.getKey() + ".latents"), TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {EDIT, PLUS})
  void promptsAndPicturesAreEncodedAsInTheReference(String name) throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Model model = family(f).build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      Parameters parameters = family(f).parameters(ModelFolder.open(f.pipeline()));
      Values call = request(f, f.json());
      Request main = parameters.resolve(call);
      List<String> notes = new ArrayList<>();
      assertThat(model.encode(main, 0, notes).get("prompt_embeds"))
          .isCloseTo(f.tensor("prompt_embeds"), TOLERANCE);
      assertThat(model.encode(main, 1, notes).get("prompt_embeds"))
          .isCloseTo(f.tensor("negative_prompt_embeds"), TOLERANCE);
      assertThat(model.encodeShared(main, notes).get("image_latents"))
          .isCloseTo(f.tensor("image_latents"), TOLERANCE);
      int texts = 0;
      for (Map.Entry<String, JsonNode> text : f.json().path("text_components").properties()) {
        Values values = call.with(RequestKeys.PROMPT, text.getValue().path("prompt").stringValue());
        assertThat(model.encode(parameters.resolve(values), 0, notes).get("prompt_embeds"))
            .as(text.getKey())
            .isCloseTo(f.tensor("text." + text.getKey() + ".prompt_embeds"), TOLERANCE);
        texts++;
      }
      Assertions.assertThat(texts).isEqualTo(4);
      Assertions.assertThat(notes).isEmpty();
    }
  }

  /** Of one picture under two names, and of other pictures. */
  @Test
  void whatIsKeptDependsOnWhatPicturesShow() throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(PLUS);
        Model model = family(f).build(ModelFolder.open(f.pipeline()), Strategies.cpu());
        KeptConditions kept = new KeptConditions(KeptConditions.BYTES)) {
      Parameters parameters = family(f).parameters(ModelFolder.open(f.pipeline()));
      Values call = request(f, f.json());
      List<String> files = call.get(RequestKeys.IMAGE_PATH);
      Path copy = Files.copy(Path.of(files.get(0)), folder.resolve("copy.png"));
      List<byte[]> starts = new ArrayList<>();
      for (List<String> given :
          List.of(files, List.of(copy.toString(), files.get(1)), List.of(files.get(1)))) {
        Request request = parameters.resolve(call.with(RequestKeys.IMAGE_PATH, given));
        for (KeptConditions k : List.of(kept, new KeptConditions(0))) {
          try (Generation g =
              new Generation(model, request, Branches.here(), Acceleration.none(), k)) {
            g.encode();
            g.step();
            starts.add(g.latents().toBytes());
          }
        }
      }
      Assertions.assertThat(starts.subList(1, 4)).allMatch(s -> Arrays.equals(s, starts.get(0)));
      Assertions.assertThat(starts.get(4)).isEqualTo(starts.get(5)).isNotEqualTo(starts.get(0));
    }
  }

  /** What is said to be the same picture is not looked at again. */
  @Test
  void theVisionTowerSeesAPictureOnce() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(EDIT);
        Parts parts = new Parts(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      PromptEncoder encoder = new PromptEncoder(parts, Variant.EDIT);
      byte[] rgb = new byte[3 * 56 * 56];
      Picture black = new Picture(56, 56, rgb.clone());
      Arrays.fill(rgb, (byte) 200);
      Picture grey = new Picture(56, 56, rgb);
      byte[] first = encoder.encode("a", List.of(black), List.of("black")).toBytes();
      Assertions.assertThat(encoder.encode("a", List.of(grey), List.of("black")).toBytes())
          .isEqualTo(first);
      Assertions.assertThat(encoder.encode("a", List.of(grey), List.of("grey")).toBytes())
          .isNotEqualTo(first);
    }
  }

  @Test
  void aPlaceOfAPictureInThePromptIsRefused() throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(EDIT);
        Model model = family(f).build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      Parameters parameters = family(f).parameters(ModelFolder.open(f.pipeline()));
      Request request =
          parameters.resolve(request(f, f.json()).with(RequestKeys.PROMPT, "a <|image_pad|> b"));
      Assertions.assertThatThrownBy(() -> model.encode(request, 0, new ArrayList<>()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("<|image_pad|>");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {EDIT, PLUS})
  void everyCachedRunOfTheReferenceIsReproduced(String name) throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Model model = family(f).build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      for (Map.Entry<String, JsonNode> run : f.json().path("cache_runs").properties()) {
        JsonNode golden = run.getValue();
        SettingsFile file =
            SettingsFile.parse(golden.get("yaml").stringValue(), run.getKey(), UnknownKeys.REJECT);
        ResolvedCacheConfig config = ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
        try (Generation g = generation(f, model, golden, BlockCache.factory(config, null))) {
          finish(g);
          CacheStatistics s =
              StepCache.among(g.accelerations().values()).get(0).statistics().get(0);
          Assertions.assertThat(s.conditional().cachedSteps().toString())
              .as(run.getKey())
              .isEqualTo(golden.get("cached_steps").toString().replace(",", ", "));
          Assertions.assertThat(s.unconditional().cachedSteps().toString())
              .as(run.getKey())
              .isEqualTo(golden.get("cfg_cached_steps").toString().replace(",", ", "));
          assertThat(g.latents())
              .as(run.getKey())
              .isCloseTo(f.tensor("cache." + run.getKey() + ".latents"), TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {EDIT, PLUS})
  void bfloat16StaysCloseToTheReferencesBfloat16(String name) throws IOException {
    Strategies options = Strategies.cpu().withDtype(DType.BFLOAT16);
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Model model = family(f).build(ModelFolder.open(f.pipeline()), options);
        Generation g = generation(f, model, f.json(), Acceleration.none())) {
      finish(g);
      assertThat(g.latents()).hasPsnrAbove(35, f.tensor("bf16.latents"));
    }
  }

  /** Qwen-Image-Edit-2511: the same weights with a switch in the configuration. */
  @Test
  void tokensOfPicturesAreModulatedAsThoseOfTimestep0() throws IOException {
    TinyPipeline copy = TinyPipeline.copy(PLUS, folder.resolve("pipeline"));
    copy.edit("transformer/config.json", "\"zero_cond_t\": false", "\"zero_cond_t\": true");
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(PLUS);
        Model model = family(f).build(ModelFolder.open(copy.folder()), Strategies.cpu());
        Generation g = generation(f, model, f.json(), Acceleration.none())) {
      finish(g);
      assertThat(g.latents()).isCloseTo(f.tensor("zero_cond_t.latents_step11"), TOLERANCE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {EDIT, PLUS})
  void picturesAreResizedAsInTheReference(String name) throws IOException {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name)) {
      EditPictures edits = pictures(f);
      List<Picture> given = GivenPictures.read(request(f, f.json()));
      Assertions.assertThat(given).hasSize(name.equals(EDIT) ? 1 : 2);
      for (int i = 0; i < given.size(); i++) {
        Assertions.assertThat(edits.seen(given.get(i)).rgb())
            .isEqualTo(f.tensor("condition_image" + i).toBytes());
        Assertions.assertThat(edits.encoded(given.get(i)).rgb())
            .isEqualTo(f.tensor("vae_image" + i).toBytes());
      }
    }
  }

  @Test
  void aPictureIsRequired() {
    try (Fixture f = new Fixture(EDIT)) {
      Parameters parameters = family(f).parameters(ModelFolder.open(f.pipeline()));
      Assertions.assertThatThrownBy(
              () -> parameters.resolve(Values.of(RequestKeys.PROMPT, "make it blue")))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("--image-path");
      Assertions.assertThatThrownBy(
              () ->
                  parameters.resolve(
                      Values.of(RequestKeys.PROMPT, "make it blue")
                          .with(RequestKeys.IMAGE_PATH, List.of("no-such-file.png"))))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("no-such-file.png");
    }
  }

  /** Of a square picture, where none is given. */
  @ParameterizedTest
  @ValueSource(strings = {EDIT, PLUS})
  void whatAnEditCostsIsKnownWithoutAPicture(String name) {
    try (Fixture f = new Fixture(name)) {
      ModelCost cost = ModelCost.of(f.pipeline(), Values.none());
      Assertions.assertThat(cost.request().height()).isEqualTo(1024);
      // 64 x 64 tokens of the output, as many of the picture, and the text with the picture in it.
      long seen = (name.equals(EDIT) ? EditPictures.AREA : EditPictures.TEXT_AREA) / (28 * 28);
      Assertions.assertThat(cost.transformer().attentions())
          .anySatisfy(a -> Assertions.assertThat(a.queries()).isEqualTo(2 * 4096 + 512 + seen));
    }
  }

  /** Nothing would be left of the first; the second is narrower than the text encoder takes. */
  @ParameterizedTest
  @CsvSource({"1, 5000", "10000, 10"})
  void aPictureThatIsALineIsRefused(int width, int height) throws IOException {
    Path file = folder.resolve("line.png");
    PngWriter.write(file, new Picture(width, height, new byte[3 * width * height]), Map.of());
    for (Variant variant : List.of(Variant.EDIT, Variant.EDIT_PLUS)) {
      EditPictures edits = new EditPictures(variant, EditPictures.AREA, EditPictures.TEXT_AREA);
      Values values = Values.of(RequestKeys.IMAGE_PATH, List.of(file.toString()));
      Assertions.assertThatThrownBy(() -> edits.read(values))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("pixels is too narrow");
    }
  }

  private static QwenImage family(Fixture f) {
    EditPictures p = pictures(f);
    return new QwenImage(p.area(), p.textArea());
  }

  private static EditPictures pictures(Fixture f) {
    JsonNode areas = f.json().path("working_areas");
    return new EditPictures(
        f.has("input_image1") ? Variant.EDIT_PLUS : Variant.EDIT,
        areas.path("vae_area").intValue(),
        areas.path("condition_area").asInt(0));
  }

  /** What a run was called with; its pictures go into files. */
  private Values request(Fixture f, JsonNode run) throws IOException {
    List<String> files = new ArrayList<>();
    for (int i = 0; i < 2 && f.has("input_image" + i); i++) {
      Path file = folder.resolve(i + ".png");
      try (TensorScope scope = TensorScope.open()) {
        Tensor image = f.tensor("input_image" + i);
        Picture picture = new Picture((int) image.size(1), (int) image.size(0), image.toBytes());
        PngWriter.write(file, picture, Map.of());
      }
      files.add(file.toString());
    }
    return Requests.of(f, run).with(RequestKeys.IMAGE_PATH, files);
  }

  private Generation generation(
      Fixture f, Model model, JsonNode run, Acceleration.Factory acceleration) throws IOException {
    Parameters parameters = family(f).parameters(ModelFolder.open(f.pipeline()));
    Generation g =
        new Generation(model, parameters.resolve(request(f, run)), Branches.here(), acceleration);
    g.encode();
    return g;
  }

  private static void finish(Generation g) {
    while (!g.done()) {
      g.step();
    }
  }
}
