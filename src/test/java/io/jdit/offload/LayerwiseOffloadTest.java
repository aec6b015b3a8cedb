package io.jdit.offload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.CacheStatistics;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.checkpoint.WeightOrigin;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.QuantizedCopy;
import io.jdit.engine.Result;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.quant.QuantType;
import io.jdit.quant.Quantization;
import io.jdit.quant.QuantizeConfig;
import io.jdit.quant.QuantizeSection;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.testing.TinyPipeline;
import io.jdit.transformer.Acceleration;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models whose layers come and go, against the same models that stay in memory. */
@ExtendWith(NoLeaks.class)
class LayerwiseOffloadTest {
  private static final Values LAYERS =
      Values.of(OffloadKeys.DIT_LAYERWISE, true).with(OffloadKeys.TEXT_ENCODER_LAYERWISE, true);

  private static final Values REQUEST =
      Requests.small("a red fox", 32, 32, 3, 32).with(RequestKeys.NEGATIVE_PROMPT, "blurry");

  private static Strategies strategies(Values offload) {
    return Strategies.cpu().withPlacement(Offload.of(OffloadSettings.of(offload)));
  }

  private static byte[] latents(Path pipeline, Strategies strategies) {
    boolean guided = !pipeline.toString().contains("klein");
    Values request = guided ? REQUEST : REQUEST.without(RequestKeys.NEGATIVE_PROMPT);
    try (TensorScope scope = TensorScope.open();
        Engine engine = Engine.load(pipeline, strategies);
        Result result = engine.generate(Requests.fewFrames(engine.parameters(), request))) {
      return result.latents().toBytes();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "flux1-dev-tiny",
        "flux2-klein-tiny",
        "z-image-turbo-tiny",
        "qwen-image-tiny",
        "wan22-t2v-tiny",
        "hunyuan-video-tiny"
      })
  void everyWayOfOffloadingGivesTheSameBits(String name) {
    Path pipeline = Fixture.ROOT.resolve(name).resolve("pipeline");
    byte[] resident = latents(pipeline, strategies(Values.none()));
    List<Values> ways =
        List.of(
            LAYERS,
            Values.of(OffloadKeys.MODE, PerformanceMode.MEMORY),
            Values.of(OffloadKeys.DIT, true)
                .with(OffloadKeys.TEXT_ENCODER, true)
                .with(OffloadKeys.VAE, true),
            LAYERS
                .with(OffloadKeys.PREFETCH, 1.0 * 2)
                .with(OffloadKeys.RESIDENT_LAYERS, 1)
                .with(OffloadKeys.RESIDENCY_POLICY, ResidencyPolicy.STRIDED));
    for (Values way : ways) {
      assertThat(latents(pipeline, strategies(way))).as(way.toString()).isEqualTo(resident);
    }
  }

  /** Reads of each layer's first tensor, by list and number. */
  private record Counting(Map<String, Integer> reads, String component) implements WeightOrigin {
    private static final Pattern LAYER =
        Pattern.compile(
            "((?:single_)?transformer_blocks\\.\\d+)\\.(?:norm1|norm)\\.linear\\.weight");

    @Override
    public TensorSource open(Path folder) {
      TensorSource source = WeightOrigin.FILES.open(folder);
      return !folder.endsWith(component)
          ? source
          : new SourceView(source) {
            @Override
            public Tensor read(TensorInfo info) {
              Matcher layer = LAYER.matcher(info.name());
              if (layer.matches()) {
                reads.merge(layer.group(1), 1, Integer::sum);
              }
              return source.read(info);
            }

            @Override
            public void close() {
              source.close();
            }
          };
    }
  }

  private static ResolvedCacheConfig cache() {
    return ResolvedCacheConfig.resolve(
        SettingsFile.parse(
            "cache_config:\n  Fn_compute_blocks: 1\n  Bn_compute_blocks: 0\n"
                + "  max_warmup_steps: 2\n  residual_diff_threshold: 10.0\n",
            "cache.yaml",
            UnknownKeys.REJECT),
        Map.of(),
        new CacheFlags(Values.none()));
  }

  /** F 1: a computed step reads all layers, a cached one the first. */
  @Test
  void aCachedStepReadsWhatItComputes() {
    Path pipeline = Fixture.ROOT.resolve("flux1-dev-tiny/pipeline");
    ResolvedCacheConfig cache = cache();
    Values request = Requests.small("a red fox", 32, 32, 6, 32);
    for (int resident = 0; resident < 2; resident++) {
      Map<String, Integer> reads = new ConcurrentHashMap<>();
      Values offload =
          Values.of(OffloadKeys.DIT_LAYERWISE, true)
              .with(OffloadKeys.RESIDENT_LAYERS, resident)
              .with(OffloadKeys.PREFETCH, 3.0);
      try (TensorScope scope = TensorScope.open();
          Engine engine =
              Engine.load(
                  pipeline, strategies(offload).withOrigin(new Counting(reads, "transformer")));
          Result result =
              engine.generate(request, BlockCache.factory(cache, null), Progress.NONE)) {
        CacheStatistics statistics =
            StepCache.among(result.accelerations()).get(0).statistics().get(0);
        int cached = statistics.conditional().cachedSteps().size();
        assertThat(cached).isBetween(1, 4);
        int blocks = statistics.blocks();
        assertThat(reads).hasSize(blocks);
        int all = reads.values().stream().mapToInt(n -> n).sum();
        // What stays is read once at loading.
        assertThat(reads.get("transformer_blocks.0")).isEqualTo(resident == 1 ? 1 : 6);
        assertThat(all - reads.get("transformer_blocks.0")).isEqualTo((6 - cached) * (blocks - 1));
      }
    }
  }

  @Test
  void aFileThatIsCutOffWhileLayersAreReadIsNamedInOneLine(@TempDir Path folder) throws Exception {
    TinyPipeline pipeline = TinyPipeline.copy("flux1-schnell-tiny", folder.resolve("p"));
    Path file = pipeline.resolve("transformer/diffusion_pytorch_model.safetensors");
    try (TensorScope scope = TensorScope.open();
        Engine engine =
            Engine.load(
                pipeline.folder(), strategies(Values.of(OffloadKeys.DIT_LAYERWISE, true)))) {
      Values request = Requests.small("a red fox", 32, 32, 2, 32);
      engine.generate(request).close();
      long size;
      try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
        size = f.length();
        f.setLength(size / 2);
      }
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> engine.generate(request))
            .isInstanceOf(ModelFormatException.class)
            .hasMessage(
                "file %s was changed while it was in use: it had %d bytes, it has %d"
                    .formatted(file, size, size / 2));
      }
    }
  }

  /** Nothing of a layer is read before it runs, and yet it is checked. */
  @Test
  void aLayerThatDoesNotFitIsFoundAtLoading(@TempDir Path folder) {
    TinyPipeline pipeline = TinyPipeline.copy("flux1-dev-tiny", folder.resolve("p"));
    pipeline.edit("transformer/config.json", "\"num_single_layers\": ", "\"num_single_layers\": 1");
    assertThatThrownBy(() -> Engine.load(pipeline.folder(), strategies(LAYERS)))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("lacks tensor single_transformer_blocks.");
  }

  /** Two generations that take turns on layers, one of which is given up in between. */
  @Test
  void whatWasGivenUpIsNotTakenForWhatComes() {
    Path pipeline = Fixture.ROOT.resolve("qwen-image-tiny/pipeline");
    byte[] resident = latents(pipeline, strategies(Values.none()));
    try (TensorScope scope = TensorScope.open();
        Engine engine = Engine.load(pipeline, strategies(LAYERS.with(OffloadKeys.PREFETCH, 2.0)))) {
      assertThatThrownBy(
              () ->
                  engine.generate(
                      REQUEST,
                      Acceleration.none(),
                      new Progress() {
                        @Override
                        public void step(int done, int total) {
                          throw new IllegalStateException("enough");
                        }
                      },
                      (output, frame, picture) -> {}))
          .hasMessage("enough");
      try (Result result = engine.generate(REQUEST)) {
        assertThat(result.latents().toBytes()).isEqualTo(resident);
      }
    }
  }

  /** Codes and scales are read in place of the weights. */
  @Test
  void layersThatAreStoredQuantizedComeAndGo(@TempDir Path folder) throws Exception {
    Path model = folder.resolve("int8");
    QuantizeConfig int8 = QuantizeConfig.of(QuantType.INT8_WEIGHT_ONLY);
    new QuantizedCopy(Path.of("models/shapes"), int8, "", line -> {}).write(model);
    comeAndGo(model);
  }

  @Test
  void layersThatTorchaoQuantizedComeAndGo(@TempDir Path folder) {
    Path torchao = Fixture.ROOT.resolve("torchao");
    comeAndGo(
        TinyPipeline.copy("flux1-dev-tiny", folder.resolve("torchao"))
            .with("transformer", torchao.resolve("transformer"))
            .with("text_encoder_2", torchao.resolve("text_encoder_2"))
            .folder());
  }

  private static void comeAndGo(Path model) {
    Values request = Requests.small("a red circle", 64, 64, 2, 32);
    List<byte[]> latents = new ArrayList<>();
    for (Values way : List.of(Values.none(), LAYERS)) {
      try (TensorScope scope = TensorScope.open();
          Engine engine = Engine.load(model, strategies(way).withDtype(DType.BFLOAT16));
          Result result = engine.generate(request)) {
        assertThat(engine.formatReport().toString()).contains("int8_weight_only");
        latents.add(result.latents().toBytes());
      }
    }
    assertThat(latents.get(1)).isEqualTo(latents.get(0));
  }

  /** Every layer whenever it is read; with the cache some in every step, others not. */
  @ParameterizedTest
  @ValueSource(strings = {"int8", "int8_per_tensor", "float8", "int4_weight_only"})
  void layersThatAreQuantizedAsTheyAreReadGiveTheSameBits(String type) {
    SettingsFile file =
        SettingsFile.parse(
            "quantize_config: {quant_type: " + type + ", components_to_quantize: [text_encoder_2]}",
            "quantize.yaml",
            UnknownKeys.REJECT);
    Values request = Requests.small("a red circle", 32, 32, 4, 32);
    List<byte[]> latents = new ArrayList<>();
    List<List<String>> reports = new ArrayList<>();
    for (Values way : List.of(Values.none(), LAYERS.with(OffloadKeys.RESIDENT_LAYERS, 1))) {
      Strategies strategies =
          strategies(way)
              .withDtype(DType.BFLOAT16)
              .withFormats(Quantization.of(QuantizeSection.read(file, Values.none())));
      for (Acceleration.Factory acceleration :
          List.of(Acceleration.none(), BlockCache.factory(cache(), null))) {
        try (TensorScope scope = TensorScope.open();
            Engine engine = Engine.load(Path.of("models/shapes"), strategies);
            Result result = engine.generate(request, acceleration, Progress.NONE)) {
          latents.add(result.latents().toBytes());
          reports.add(engine.formatReport());
          assertThat(engine.placement()).hasSize(way == Values.none() ? 1 : 2);
        }
      }
    }
    assertThat(latents.get(2)).isEqualTo(latents.get(0));
    assertThat(latents.get(3)).isEqualTo(latents.get(1)).isNotEqualTo(latents.get(0));
    assertThat(reports).containsOnly(reports.get(0));
    assertThat(reports.get(0).toString()).contains("quantized text_encoder_2");
  }

  /** As a server's requests do: what one lets go, another needs again. */
  @Test
  void generationsThatTakeTurnsShareThePlace() {
    Path pipeline = Fixture.ROOT.resolve("qwen-image-tiny/pipeline");
    byte[] resident = latents(pipeline, strategies(Values.none()));
    for (Values way :
        List.of(
            Values.of(OffloadKeys.MODE, PerformanceMode.MEMORY),
            Values.of(OffloadKeys.DIT, true).with(OffloadKeys.TEXT_ENCODER, true))) {
      try (Engine engine = Engine.load(pipeline, strategies(way))) {
        Request request = engine.parameters().resolve(REQUEST);
        engine.call(
            () -> {
              try (TensorScope scope = TensorScope.open();
                  Generation first = engine.begin(request, Acceleration.none());
                  Generation second = engine.begin(request, Acceleration.none())) {
                first.encode();
                first.step();
                second.encode();
                second.step();
                finish(first);
                finish(second);
                assertThat(first.latents().toBytes()).isEqualTo(resident);
                assertThat(second.latents().toBytes()).isEqualTo(resident);
              }
              return null;
            });
      }
    }
  }

  private static void finish(Generation generation) {
    while (!generation.done()) {
      generation.step();
    }
    generation.decode((output, frame, picture) -> {});
  }
}
