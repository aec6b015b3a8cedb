package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

class CacheSectionTest {
  private static final JsonNode GOLDEN = CachingFixtures.json("caching/config_cases.json");

  /** What our loader does where it deliberately differs; "error:" and part of the message. */
  private static final Map<String, String> OURS =
      Map.ofEntries(
          Map.entry("doc_misspelled_cfg", "enable_separate_cfg=true"),
          Map.entry("mask_digits_as_string", "steps_computation_mask='1101'"),
          Map.entry("flat_mask_name_is_not_expanded", "steps_computation_mask=fast"),
          Map.entry("flat_with_attention_backend_is_ignored", "error:belongs in cache_config"),
          Map.entry("unknown_key", "error:unknown key 'no_such_key'; did you mean"),
          Map.entry(
              "wrong_type_is_kept",
              "error:Fn_compute_blocks: expected an integer >= 1, found text 'eight'"),
          Map.entry(
              "number_as_string_is_kept",
              "error:residual_diff_threshold: expected a number, found text '0.1'"),
          Map.entry(
              "taylorseer_calibrator_cache_type_is_ignored", "calibrator_cache_type=hidden_states"),
          Map.entry(
              "taylorseer_encoder_only_is_ignored",
              "error:enable_encoder_taylorseer needs enable_taylorseer: true"),
          Map.entry(
              "dmd_bad_precision_is_kept",
              "error:dmd_svd_precision: expected one of low, medium, high, found text 'best'"),
          Map.entry("cache_type_dbcache", "cache_type=DBCache"),
          Map.entry("cache_type_dbprune", "cache_type=DBPrune"),
          Map.entry("cache_type_other_case", "cache_type=DBCache"),
          Map.entry("cache_type_none", "cache_type=none"),
          Map.entry("cache_type_null", "cache_type=DBCache"),
          Map.entry(
              "prune_keys_without_cache_type_are_ignored",
              "error:enable_dynamic_prune_threshold needs cache_type: DBPrune"),
          Map.entry("section_null", "Fn_compute_blocks=8"));

  @TestFactory
  Stream<DynamicTest> goldenCases() {
    return GOLDEN
        .get("cases")
        .valueStream()
        .map(c -> DynamicTest.dynamicTest(c.get("name").stringValue(), () -> checkCase(c)));
  }

  private static void checkCase(JsonNode golden) {
    String name = golden.get("name").stringValue();
    if (golden.has("ours")) {
      checkOurs(OURS.get(name), golden.get("text").stringValue());
    } else if (golden.has("error")) {
      assertThatThrownBy(() -> load(golden).config().stepsComputationMask())
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining(
              switch (golden.get("error").stringValue()) {
                case "steps_missing" -> "needs the number of steps";
                case "unknown_preset" -> "steps_computation_mask: expected a preset";
                case "unsupported_total_steps" -> "has no form for 5 steps";
                case "calibrators_exclusive" -> "exclude each other";
                case "bad_section" -> "expected a map of options";
                default -> throw new AssertionError(golden);
              });
    } else {
      SettingsFile file = file(golden.get("text").stringValue());
      CacheSection section = CacheSection.of(file);
      assertThat(file.attentionBackend())
          .isEqualTo(
              golden.get("attention_backend").isNull()
                  ? null
                  : golden.get("attention_backend").stringValue());
      if (golden.get("cache_config").isNull()) {
        assertThat(section).isNull();
      } else {
        CacheConfig config = CacheConfig.of(section.settings());
        checkFields(config, golden.get("cache_config"));
        checkCalibrator(config.calibrator(), golden.get("calibrator_config"));
      }
    }
  }

  private static void checkOurs(String expected, String text) {
    assertThat(expected).as("every deviation is listed above").isNotNull();
    if (expected.startsWith("error:")) {
      assertThatThrownBy(() -> parse(text))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining(expected.substring("error:".length()));
      return;
    }
    String[] keyAndValue = expected.split("=", 2);
    Values settings = parse(text).settings();
    Key<?> key = CacheKeys.FIELDS.find(keyAndValue[0]);
    assertThat(CacheSection.toYaml(settings, key)).isEqualTo(keyAndValue[1]);
  }

  private static void checkFields(CacheConfig config, JsonNode golden) {
    String type = golden.get("class").stringValue();
    JsonNode defaults = GOLDEN.get("defaults").get(type);
    for (var entry : defaults.properties()) {
      String key = entry.getKey();
      JsonNode expected = golden.has(key) ? golden.get(key) : entry.getValue();
      Key<?> field = CacheKeys.FIELDS.find(key);
      if (field == CacheKeys.STEPS_COMPUTATION_MASK) {
        String digits =
            expected.isNull()
                ? "null"
                : String.join("", expected.valueStream().map(JsonNode::toString).toList());
        assertThat(String.valueOf(config.stepsComputationMask())).isEqualTo(digits);
      } else {
        Object value = config.settings().get(field);
        Object wanted = field.type().read(expected, key);
        assertThat(value).as(key).isEqualTo(wanted);
      }
    }
  }

  private static void checkCalibrator(CalibratorConfig config, JsonNode golden) {
    if (golden.isNull()) {
      assertThat(config).isNull();
      return;
    }
    JsonNode defaults = GOLDEN.get("defaults").get(golden.get("class").stringValue());
    assertThat(config.coverage().encoder())
        .isEqualTo(field(golden, defaults, "enable_encoder_calibrator").booleanValue());
    assertThat(CacheKeys.CALIBRATOR_CACHE_TYPE.type().toYaml(config.coverage().kind()))
        .isEqualTo(field(golden, defaults, "calibrator_cache_type").stringValue());
    if (config instanceof CalibratorConfig.TaylorSeer t) {
      assertThat(t.order()).isEqualTo(field(golden, defaults, "taylorseer_order").intValue());
    } else if (config instanceof CalibratorConfig.Dmd d) {
      assertThat(d.history()).isEqualTo(field(golden, defaults, "dmd_history").intValue());
      assertThat(d.rank()).isEqualTo(field(golden, defaults, "dmd_rank").intValue());
      assertThat(d.ridge()).isEqualTo(field(golden, defaults, "dmd_ridge").doubleValue());
      assertThat(CacheKeys.DMD_SVD_PRECISION.type().toYaml(d.svdPrecision()))
          .isEqualTo(field(golden, defaults, "dmd_svd_precision").stringValue());
    } else {
      assertThat(golden.get("class").stringValue()).isEqualTo("FoCaCalibratorConfig");
    }
  }

  private static JsonNode field(JsonNode golden, JsonNode defaults, String key) {
    return golden.has(key) ? golden.get(key) : defaults.get(key);
  }

  private static ResolvedCacheConfig load(JsonNode golden) {
    SettingsFile file = file(golden.get("text").stringValue());
    return ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
  }

  private static SettingsFile file(String text) {
    return SettingsFile.parse(text, "cache.yaml", UnknownKeys.REJECT);
  }

  private static CacheSection parse(String text) {
    return CacheSection.of(file(text));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cache_config: {Fn_compute_block: 1}| did you mean 'Fn_compute_blocks'",
        "cache_confg: {Fn_compute_blocks: 1}\\nattention_backend: flash|"
            + " did you mean 'cache_config'",
        "cache_config: {Fn_compute_blocks: 0}|"
            + " cache_config.Fn_compute_blocks: expected an integer >= 1, found 0",
        "cache_config: {max_warmup_steps: 2.5}| expected an integer >= 0, found 2.5",
        "cache_config: {enable_foca: maybe}| expected true or false, found text 'maybe'",
        "cache_config: {steps_computation_policy: sometimes}| expected one of dynamic, static",
        "cache_config: {steps_computation_mask: '110', num_inference_steps: 4}|"
            + " covers 3 steps, the run has 4",
        "cache_config: {steps_computation_mask: [1, 2]}| found a list of 2",
        "cache_config: {steps_computation_mask: {compute_bins: [1, -1], cache_bins: [2]}}|"
            + " expected a preset (slow, medium, fast, ultra), a list",
        "cache_config: {enable_separate_cfg: true, enable_sperate_cfg: false}| differ",
        "cache_config: {enable_separate_cfg: true, cfg_compute_first: true}|"
            + " cfg_compute_first needs",
        "cache_config: {Fn_compute_blocks: 1\\nb: 2| cache.yaml at line 2",
        "cache_config: {}\\ncache_config: {}| at line 2, column 13: Duplicate",
        "cache_config: {per_block_group: {Fn_compute_blocks: 1}}| expected a list of maps",
        "cache_config: {per_block_group: [{cache_type: DBPrune}]}|"
            + " per_block_group[0].cache_type cannot differ",
        "cache_config: {per_block_group: [{per_block_group: []}]}|"
            + " per_block_group[0]: unknown key 'per_block_group'",
        "cache_config: {per_transformer: [{}]}|"
            + " cache_config.per_transformer: expected a map from transformers to options",
        "cache_config: {per_transformer: {transformer_2: {Fn: 1}}}|"
            + " cache_config.per_transformer.transformer_2: unknown key 'Fn'; did you mean",
        "per_transformer: {transformer_2: {Fn_compute_blocks: 0}}|"
            + " cache.yaml.per_transformer.transformer_2.Fn_compute_blocks: expected an integer",
        "cache_config: {per_transformer: {a: {}}}\\nper_transformer: {b: {}}|"
            + " cache_config.per_transformer stands beside cache_config too",
        "cache_config: {per_block_group: [{}, {bn: 1}]}| per_block_group[1]: unknown key 'bn'",
        "[1, 2]| expected keys such as cache_config, found a list of 2",
        "''| found nothing"
      })
  void errorsNameKeyAndReason(String text, String message) {
    String document = text.equals("''") ? "" : text.replace("\\n", "\n");
    assertThatThrownBy(() -> parse(document))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("cache.yaml")
        .hasMessageContaining(message.strip())
        .hasMessageNotContaining("\n");
  }

  @Test
  void unknownKeysCanBeWarnings() {
    CacheSection file =
        CacheSection.of(
            SettingsFile.parse(
                "cache_config: {Fn_compute_blocks: 3, no_such: 1}",
                "cache.yaml",
                UnknownKeys.WARN));
    assertThat(file.settings().get(CacheKeys.FN_COMPUTE_BLOCKS)).isEqualTo(3);
    assertThat(file.warnings()).singleElement().asString().contains("'no_such'");
  }

  @Test
  void overridesDistinguishUnsetFromNull() {
    SettingsFile file =
        file(
            """
            cache_config:
              Fn_compute_blocks: 2
              max_accumulated_residual_diff_threshold: 1.5
              enable_taylorseer: true
              per_block_group:
                - {residual_diff_threshold: 0.5}
                - {max_accumulated_residual_diff_threshold: null, enable_taylorseer: false}
                - {enable_foca: true}
            """);
    ResolvedCacheConfig resolved = ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
    CacheConfig first = resolved.forGroup(0);
    assertThat(first.residualDiffThreshold()).isEqualTo(0.5);
    assertThat(first.fnComputeBlocks()).isEqualTo(2);
    assertThat(first.maxAccumulatedResidualDiffThreshold()).isEqualTo(1.5);
    assertThat(first.calibrator()).isInstanceOf(CalibratorConfig.TaylorSeer.class);
    CacheConfig second = resolved.forGroup(1);
    assertThat(second.maxAccumulatedResidualDiffThreshold()).isNull();
    assertThat(second.calibrator()).isNull();
    assertThat(resolved.forGroup(2).calibrator()).isInstanceOf(CalibratorConfig.FoCa.class);
    assertThat(resolved.forGroup(3)).isEqualTo(resolved.config());
  }

  @Test
  void whatIsWrittenIsReadBack() {
    Values settings =
        parse(
                """
                cache_config:
                  Fn_compute_blocks: 1
                  residual_diff_threshold: 0.35
                  steps_computation_mask: {compute_bins: [6, 1], cache_bins: [2, 3]}
                  enable_dmd: true
                  dmd_rank: 2
                  calibrator_cache_type: hidden_states
                """)
            .settings();
    assertThat(parse(CacheSection.toYaml(settings)).settings()).isEqualTo(settings);
    assertThat(parse(CacheSection.toYaml(Values.none())).settings()).isEqualTo(Values.none());
  }

  @Test
  void filesThatCannotBeReadAreNamed(@TempDir Path folder) throws Exception {
    Path missing = folder.resolve("missing.yaml");
    assertThatThrownBy(() -> SettingsFile.read(missing)).hasMessage(missing + ": no such file");
    Path binary = folder.resolve("binary.yaml");
    Files.write(binary, new byte[] {(byte) 0xff, (byte) 0xfe, 0, 1});
    assertThatThrownBy(() -> SettingsFile.read(binary)).hasMessageContaining("not a text file");
    Path json = folder.resolve("cache.json");
    Files.writeString(json, "{\n\t\"cache_config\": {\"Fn_compute_blocks\": 2}\n}");
    assertThat(CacheSection.of(SettingsFile.read(json)).settings().get(CacheKeys.FN_COMPUTE_BLOCKS))
        .isEqualTo(2);
    Files.writeString(json, "{\n  \"cache_config\": }");
    assertThatThrownBy(() -> SettingsFile.read(json)).hasMessageContaining("at line 2, column 19");
  }

  /** Whatever is done to a document, the loader answers or names the problem in one line. */
  @Test
  void mutatedDocumentsNeverEscapeTheLoader() {
    long seed = System.nanoTime();
    System.out.println("CacheSectionTest.mutatedDocuments seed " + seed);
    Random random = new Random(seed);
    List<String> texts = new ArrayList<>();
    GOLDEN.get("cases").forEach(c -> texts.add(c.get("text").stringValue()));
    int rejected = 0;
    for (int i = 0; i < 4000; i++) {
      String text = mutate(texts.get(random.nextInt(texts.size())), random);
      try {
        CacheSection section = parse(text);
        if (section != null) {
          Values settings = section.settings();
          assertThat(parse(CacheSection.toYaml(settings)).settings()).as(text).isNotNull();
        }
      } catch (ConfigException e) {
        assertThat(e.getMessage()).as(text).startsWith("cache.yaml").doesNotContain("\n");
        rejected++;
      }
    }
    assertThat(rejected).isGreaterThan(500);
  }

  private static String mutate(String text, Random random) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    StringBuilder mutated = new StringBuilder(new String(bytes, StandardCharsets.UTF_8));
    String alphabet = "{}[]:,'\"-!&*#|>%@`~\n\t 01a9.e\u00e9\u0000\ud83d";
    for (int i = 0; i < 1 + random.nextInt(4); i++) {
      int at = random.nextInt(mutated.length() + 1);
      char c = alphabet.charAt(random.nextInt(alphabet.length()));
      switch (random.nextInt(3)) {
        case 0 -> mutated.insert(at, c);
        case 1 -> mutated.delete(at, Math.min(mutated.length(), at + 1 + random.nextInt(5)));
        default -> mutated.insert(at, String.valueOf(c).repeat(random.nextInt(200)));
      }
    }
    return mutated.toString();
  }
}
