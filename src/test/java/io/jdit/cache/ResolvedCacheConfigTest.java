package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.Catalog;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ResolvedCacheConfigTest {
  private static final Map<String, String> SWITCHED_ON = Map.of("SGLANG_CACHE_DIT_ENABLED", "true");

  @Test
  void offByDefault() {
    ResolvedCacheConfig resolved = resolve(null, Map.of(), CacheFlags.none());
    assertThat(resolved.enabled()).isFalse();
    assertThat(resolved.origins().values()).containsOnly("default");
    assertThat(resolved.explain(28, 1)).startsWith("cache: off\n");
  }

  @Test
  void theSwitchAloneGivesTheServingProfile() {
    ResolvedCacheConfig resolved = resolve(null, SWITCHED_ON, CacheFlags.none());
    assertThat(resolved.enabled()).isTrue();
    CacheConfig config = resolved.config();
    assertThat(config.fnComputeBlocks()).isEqualTo(1);
    assertThat(config.bnComputeBlocks()).isZero();
    assertThat(config.maxWarmupSteps()).isEqualTo(4);
    assertThat(config.residualDiffThreshold()).isEqualTo(0.24);
    assertThat(config.maxContinuousCachedSteps()).isEqualTo(3);
    assertThat(config.maxCachedSteps()).isEqualTo(-1);
    assertThat(config.calibrator()).isNull();
    assertThat(resolved.origins())
        .containsEntry(CacheKeys.FN_COMPUTE_BLOCKS, "serving profile")
        .containsEntry(CacheKeys.WARMUP_INTERVAL, "default");
  }

  @Test
  void ourVariablesWinOverThoseOfSglang() {
    ResolvedCacheConfig resolved =
        resolve(
            null,
            Map.of(
                "JDIT_CACHE_DIT_ENABLED", "1",
                "SGLANG_CACHE_DIT_ENABLED", "false",
                "SGLANG_CACHE_DIT_FN", "2",
                "JDIT_CACHE_DIT_FN", "3",
                "SGLANG_CACHE_DIT_MC", "5",
                "SGLANG_CACHE_DIT_TAYLORSEER", "True",
                "SGLANG_CACHE_DIT_TS_ORDER", "2",
                "JDIT_CACHE_DIT_RDT", ""),
            CacheFlags.none());
    CacheConfig config = resolved.config();
    assertThat(config.fnComputeBlocks()).isEqualTo(3);
    assertThat(config.maxContinuousCachedSteps()).isEqualTo(5);
    assertThat(config.residualDiffThreshold()).isEqualTo(0.24);
    assertThat(config.calibrator())
        .isEqualTo(new CalibratorConfig.TaylorSeer(CalibratorConfig.Coverage.BOTH, 2));
    assertThat(resolved.origins())
        .containsEntry(CacheKeys.FN_COMPUTE_BLOCKS, "env JDIT_CACHE_DIT_FN")
        .containsEntry(CacheKeys.MAX_CONTINUOUS_CACHED_STEPS, "env SGLANG_CACHE_DIT_MC")
        .containsEntry(CacheKeys.RESIDUAL_DIFF_THRESHOLD, "serving profile");
    assertThat(resolved.warnings()).isEmpty();
  }

  @Test
  void aFileSwitchesOnAndShutsOutTheVariables() {
    SettingsFile file = file("cache_config: {Fn_compute_blocks: 4, enable_taylorseer: true}");
    ResolvedCacheConfig resolved =
        resolve(
            file,
            Map.of("SGLANG_CACHE_DIT_ENABLED", "0", "SGLANG_CACHE_DIT_FN", "2"),
            CacheFlags.none());
    assertThat(resolved.enabled()).isTrue();
    assertThat(resolved.config().fnComputeBlocks()).isEqualTo(4);
    assertThat(resolved.config().maxWarmupSteps()).isEqualTo(8);
    assertThat(resolved.config().calibrator().coverage().encoder()).isFalse();
    assertThat(resolved.origins())
        .containsEntry(CacheKeys.FN_COMPUTE_BLOCKS, "file cache.yaml")
        .containsEntry(CacheKeys.MAX_WARMUP_STEPS, "default");
    assertThat(resolved.warnings())
        .containsExactly("not applied next to a file: SGLANG_CACHE_DIT_FN");
  }

  @Test
  void aFileWithoutCacheSectionLeavesCachingToTheRest() {
    SettingsFile file = file("attention_backend: flash");
    assertThat(resolve(file, Map.of(), CacheFlags.none()).enabled()).isFalse();
    ResolvedCacheConfig resolved = resolve(file, SWITCHED_ON, CacheFlags.none());
    assertThat(resolved.enabled()).isTrue();
    assertThat(resolved.config().fnComputeBlocks()).isEqualTo(1);
  }

  @Test
  void flagsOverrideSingleFields() {
    ResolvedCacheConfig resolved =
        resolve(
            file("cache_config: {Fn_compute_blocks: 4, enable_foca: true, max_warmup_steps: 5}"),
            Map.of(),
            flags(null, 2, true, "fast"));
    CacheConfig config = resolved.config();
    assertThat(config.fnComputeBlocks()).isEqualTo(2);
    assertThat(config.maxWarmupSteps()).isEqualTo(5);
    assertThat(config.calibrator())
        .isEqualTo(new CalibratorConfig.TaylorSeer(CalibratorConfig.Coverage.BOTH, 1));
    assertThat(resolved.origins())
        .containsEntry(CacheKeys.FN_COMPUTE_BLOCKS, "flag --Fn")
        .containsEntry(CacheKeys.CALIBRATOR, "flag --taylorseer")
        .containsEntry(CacheKeys.STEPS_COMPUTATION_MASK, "flag --scm");
    assertThat(config.forGeneration(8, 1).stepsComputationMask()).hasToString("11101001");
    assertThat(config.forGeneration(28, 1).stepsComputationMask())
        .hasToString("1111110100010000100000100001");
  }

  @Test
  void noCacheWinsOverEverything() {
    ResolvedCacheConfig resolved =
        resolve(file("cache_config: {}"), SWITCHED_ON, flags(false, 2, true, null));
    assertThat(resolved.enabled()).isFalse();
    assertThat(
            resolve(file("cache_config: {cache_type: NONE}"), Map.of(), CacheFlags.none())
                .enabled())
        .isFalse();
  }

  @Test
  void flagsWithoutCachingAreAnError() {
    assertThatThrownBy(() -> resolve(null, Map.of(), flags(null, 2, null, null)))
        .isInstanceOf(ConfigException.class)
        .hasMessage("--Fn needs --cache or a file given with --cache-dit-config");
  }

  @Test
  void flagsThatContradictEachOtherAreErrors() {
    CacheFlags two = parse(Map.of("--cache", "true", "--taylorseer", "true", "--foca", "true"));
    assertThatThrownBy(() -> resolve(null, Map.of(), two))
        .hasMessage("--taylorseer and --foca exclude each other: choose one calibrator");
    CacheFlags order = parse(Map.of("--cache", "true", "--taylorseer-order", "2"));
    assertThatThrownBy(() -> resolve(null, Map.of(), order))
        .hasMessage("--taylorseer-order needs --taylorseer");
    CacheFlags bins = parse(Map.of("--cache", "true", "--scm-compute-bins", "4"));
    assertThatThrownBy(() -> resolve(null, Map.of(), bins))
        .hasMessage("--scm-compute-bins and --scm-cache-bins need each other");
    assertThatThrownBy(() -> resolve(null, Map.of(), flags(true, 0, null, null)))
        .hasMessage("--Fn: expected an integer >= 1, found 0");
    assertThatThrownBy(() -> resolve(null, Map.of(), flags(true, null, null, "quick")))
        .hasMessageStartingWith("--scm: expected a preset (slow, medium, fast, ultra)");
  }

  @Test
  void variablesThatCannotBeReadAreErrorsOrWarningsAsInSglang() {
    assertThatThrownBy(
            () -> resolve(null, Map.of("SGLANG_CACHE_DIT_WARMUP", "four"), CacheFlags.none()))
        .hasMessage("SGLANG_CACHE_DIT_WARMUP: expected an integer >= 0, found 'four'");
    assertThatThrownBy(
            () -> resolve(null, Map.of("SGLANG_CACHE_DIT_SCM_PRESET", "Fast"), CacheFlags.none()))
        .hasMessageStartingWith("SGLANG_CACHE_DIT_SCM_PRESET: unknown mask preset 'Fast'");
    ResolvedCacheConfig resolved =
        resolve(
            null,
            Map.of(
                "SGLANG_CACHE_DIT_ENABLED", "maybe",
                "SGLANG_CACHE_DIT_SCM_COMPUTE_BINS", "4,x",
                "SGLANG_CACHE_DIT_SCM_CACHE_BINS", "2",
                "SGLANG_CACHE_DIT_SCM_PRESET", "fast",
                "JDIT_CACHE_DIT_FNN", "1"),
            CacheFlags.none());
    assertThat(resolved.enabled()).isFalse();
    assertThat(resolved.config().stepsComputationMask()).isNull();
    assertThat(resolved.warnings())
        .containsExactlyInAnyOrder(
            "unknown variable JDIT_CACHE_DIT_FNN is ignored; did you mean JDIT_CACHE_DIT_FN?",
            "SGLANG_CACHE_DIT_ENABLED='maybe' is not true or false: read as false",
            "SGLANG_CACHE_DIT_SCM_COMPUTE_BINS: expected a list of integers >= 0, found '4,x': no"
                + " mask is used");
  }

  @Test
  void aPresetFromTheEnvironmentIsDroppedBelowEightSteps() {
    ResolvedCacheConfig resolved =
        resolve(
            null,
            Map.of("SGLANG_CACHE_DIT_ENABLED", "1", "SGLANG_CACHE_DIT_SCM_PRESET", "fast"),
            CacheFlags.none());
    assertThat(resolved.config().forGeneration(5, 1).stepsComputationMask()).isNull();
    assertThat(resolved.config().forGeneration(8, 1).stepsComputationMask())
        .hasToString("11101001");
    assertThat(resolved.explain(5, 1)).contains("a preset from the environment is not used");
    ResolvedCacheConfig bins =
        resolve(
            null,
            Map.of(
                "SGLANG_CACHE_DIT_ENABLED", "1",
                "SGLANG_CACHE_DIT_SCM_COMPUTE_BINS", "2,1",
                "SGLANG_CACHE_DIT_SCM_CACHE_BINS", "1,1"),
            CacheFlags.none());
    assertThat(bins.config().forGeneration(5, 1).stepsComputationMask()).hasToString("11010");
  }

  @Test
  void theSecondTransformerTakesThePrimaryValuesUnlessItHasItsOwn() {
    ResolvedCacheConfig secondary =
        resolve(
                null,
                Map.of(
                    "SGLANG_CACHE_DIT_ENABLED", "1",
                    "SGLANG_CACHE_DIT_FN", "2",
                    "SGLANG_CACHE_DIT_WARMUP", "6",
                    "SGLANG_CACHE_DIT_SECONDARY_WARMUP", "2"),
                CacheFlags.none())
            .forExpert("transformer_2");
    assertThat(secondary.config().fnComputeBlocks()).isEqualTo(2);
    assertThat(secondary.config().maxWarmupSteps()).isEqualTo(2);
    assertThat(secondary.origins())
        .containsEntry(CacheKeys.MAX_WARMUP_STEPS, "env SGLANG_CACHE_DIT_SECONDARY_WARMUP");
  }

  @Test
  void aFileGivesTransformersSettingsOfTheirOwn() {
    String section =
        """
        cache_config:
          Fn_compute_blocks: 1
          max_warmup_steps: 6
          enable_taylorseer: true
        """;
    String entries =
        """
        per_transformer:
          transformer_2:
            max_warmup_steps: 2
            enable_taylorseer: false
            per_block_group: [{Fn_compute_blocks: 3}]
          transformer: {cache_type: none}
        """;
    String flat = section.substring("cache_config:\n".length()).replace("  ", "");
    for (String text : List.of(section + entries.indent(2), section + entries, flat + entries)) {
      ResolvedCacheConfig resolved = resolve(file(text), Map.of(), flags(null, 2, null, null));
      assertThat(resolved.enabled()).isTrue();
      assertThat(resolved.config().maxWarmupSteps()).isEqualTo(6);
      ResolvedCacheConfig low = resolved.forExpert("transformer_2");
      assertThat(low.config().maxWarmupSteps()).isEqualTo(2);
      assertThat(low.config().fnComputeBlocks()).isEqualTo(2);
      assertThat(low.config().calibrator()).isNull();
      assertThat(low.forGroup(0).fnComputeBlocks()).isEqualTo(3);
      assertThat(low.origins())
          .containsEntry(CacheKeys.MAX_WARMUP_STEPS, "file cache.yaml")
          .containsEntry(CacheKeys.FN_COMPUTE_BLOCKS, "flag --Fn");
      assertThat(resolved.forExpert("transformer").enabled()).isFalse();
      assertThat(resolved.forExpert("transformer_3").config()).isEqualTo(resolved.config());
      assertThat(resolved.explain(28, 1).replaceAll(" +", " "))
          .contains("transformer_2 differs in\n max_warmup_steps 2 file cache.yaml\n");
    }
  }

  @Test
  void aTransformerThatTheModelLacksIsAnError() {
    ResolvedCacheConfig resolved =
        resolve(
            file("per_transformer: {transformer_3: {Fn_compute_blocks: 1}}"),
            Map.of(),
            CacheFlags.none());
    assertThat(resolved.enabled()).isTrue();
    resolved.requireExperts(List.of("transformer", "transformer_3"));
    assertThatThrownBy(() -> resolved.requireExperts(List.of("transformer", "transformer_2")))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "cache.yaml: per_transformer.transformer_3: the model has no such transformer, it has"
                + " transformer, transformer_2");
    resolve(
            null,
            Map.of("SGLANG_CACHE_DIT_ENABLED", "1", "SGLANG_CACHE_DIT_SECONDARY_FN", "2"),
            CacheFlags.none())
        .requireExperts(List.of("transformer"));
  }

  @Test
  void explanationSaysWhyNothingCanBeCached() {
    assertThat(resolve(file("cache_config: {}"), Map.of(), CacheFlags.none()).explain(8, 1))
        .contains(
            "\nwarning: the cache of transformer cannot serve any step: max_warmup_steps 8 is not"
                + " below the 8 steps, lower --warmup-steps\n");
  }

  @Test
  void twoCallsPerStepGetSeparateBranchesUnlessToldOtherwise() {
    CacheConfig config = CacheConfig.defaults();
    assertThat(config.forGeneration(20, 2).separateCfg()).isTrue();
    assertThat(config.forGeneration(20, 1).separateCfg()).isFalse();
    Values off = Values.none().with(CacheKeys.ENABLE_SEPARATE_CFG, false);
    assertThat(CacheConfig.of(off).forGeneration(20, 2).separateCfg()).isFalse();
    assertThat(CacheConfig.of(off).forGeneration(20, 2).numInferenceSteps()).isEqualTo(40);
    assertThat(config.forGeneration(20, 2).numInferenceSteps()).isEqualTo(20);
  }

  @Test
  void explanationNamesValueAndOriginOfEveryFieldInUse() {
    String text =
        resolve(
                file(
                    """
                    cache_config:
                      Fn_compute_blocks: 4
                      steps_computation_mask: medium
                      per_block_group: [{}, {Bn_compute_blocks: 2}]
                    """),
                Map.of(),
                flags(null, 2, null, null))
            .explain(28, 2);
    assertThat(text).startsWith("cache: DBCache\n");
    assertThat(text.replaceAll(" +", " "))
        .contains(" Fn_compute_blocks 2 flag --Fn\n")
        .contains(" Bn_compute_blocks 0 default\n")
        .contains(" steps_computation_mask medium file cache.yaml\n")
        .contains("block group 1 differs in\n Bn_compute_blocks 2 per_block_group[1]\n")
        .contains("28 steps of 2 calls, separate state per call\n")
        .contains("mask 1111110110001100011000110001: 15 computed, 13 possibly from the cache\n")
        .doesNotContain("dmd_history")
        .doesNotContain("non_prune_block_ids");
  }

  private static ResolvedCacheConfig resolve(
      SettingsFile file, Map<String, String> environment, CacheFlags flags) {
    return ResolvedCacheConfig.resolve(file, environment, flags);
  }

  private static SettingsFile file(String text) {
    return SettingsFile.parse(text, "cache.yaml", UnknownKeys.REJECT);
  }

  private static CacheFlags flags(Boolean cache, Integer fn, Boolean taylorseer, String scm) {
    Map<String, String> given = new HashMap<>();
    given.put("--cache", cache == null ? null : cache.toString());
    given.put("--Fn", fn == null ? null : fn.toString());
    given.put("--taylorseer", taylorseer == null ? null : taylorseer.toString());
    given.put("--scm", scm);
    return parse(given);
  }

  /** As the command line reads them. */
  private static CacheFlags parse(Map<String, String> texts) {
    Values values = Values.none();
    for (Key<?> key : CacheKeys.OPTIONS.keys()) {
      if (texts.get(key.option()) != null) {
        values = Catalog.parse(values, key, texts.get(key.option()), key.option());
      }
    }
    return new CacheFlags(values);
  }
}
