package io.jdit.parallel;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import io.jdit.tensor.DType;
import io.jdit.testing.Fixture;
import io.jdit.testing.Requests;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * One generation on several ranks.
 *
 * @param run call of the fixture, {@code call} for its main one; null to compare with one process
 * @param request what to generate when {@code run} is null
 * @param cache cached run of the fixture that is repeated; null without a cache
 */
record FluxCase(
    String name,
    ParallelConfig config,
    DType dtype,
    String fixture,
    String run,
    Values request,
    String cache) {
  private static final String DEV = "flux1-dev-tiny";

  /** 21 image tokens and 31 text tokens: no part count of 2, 4 or 8 divides them. */
  private static final Values ODD =
      Requests.small("a red fox", 48, 112, 3, 31).with(RequestKeys.SEED, BigInteger.valueOf(5));

  private static final Values GUIDED =
      ODD.with(RequestKeys.NEGATIVE_PROMPT, "blurry").with(RequestKeys.TRUE_CFG_SCALE, 2.5);

  /** Six tiles of the VAE. */
  private static final Values LARGE =
      Requests.small("a red fox", 192, 256, 1, 32).with(RequestKeys.SEED, BigInteger.valueOf(6));

  static List<FluxCase> of(int world) {
    List<FluxCase> list = new ArrayList<>();
    switch (world) {
      case 2 -> {
        list.add(fixture("ulysses 2, 20 steps", 1, 1, 1, 2, 1, "call"));
        list.add(fixture("ring 2", 1, 1, 2, 1, 1, "two_images"));
        list.add(fixture("tp 2", 1, 1, 1, 1, 2, "two_images"));
        list.add(fixture("cfg 2", 1, 2, 1, 1, 1, "true_cfg"));
        list.add(fixture("ulysses 2 async", 1, 1, 1, 2, 1, "two_images").async());
        list.add(
            new FluxCase(
                "schnell ulysses 2",
                config(1, 1, 1, 2, 1),
                DType.FLOAT32,
                "flux1-schnell-tiny",
                "four_steps",
                null,
                null));
        list.add(fixture("text encoders 2", 1, 1, 1, 2, 1, "two_images").with("text_encoder"));
        // Without guidance both branches compute the same bits as one process: so must the VAE.
        list.add(single("vae 2", LARGE, 1, 2, 1, 1, 1).with("vae"));
        list.add(fixture("cached, ulysses 2", 1, 1, 1, 2, 1, null).cached("f1b0_default"));
        list.add(fixture("cached, cfg 2", 1, 2, 1, 1, 1, null).cached("separate_cfg"));
        list.add(
            fixture("cached, cfg 2 with one decision", 1, 2, 1, 1, 1, null)
                .cached("separate_cfg_shared_diff"));
        list.add(single("odd ulysses 2", ODD, 1, 1, 1, 2, 1));
        list.add(single("odd ring 2", ODD, 1, 1, 2, 1, 1));
        list.add(single("float8 ulysses 2", ODD, 1, 1, 1, 2, 1).float8(DType.BFLOAT16));
      }
      case 4 -> {
        list.add(fixture("ulysses 4", 1, 1, 1, 4, 1, "two_images"));
        list.add(fixture("ring 4", 1, 1, 4, 1, 1, "two_images"));
        list.add(fixture("tp 4", 1, 1, 1, 1, 4, "two_images"));
        list.add(fixture("ulysses 2 x ring 2, 20 steps", 1, 1, 2, 2, 1, "call"));
        list.add(fixture("ulysses 2 x ring 2 async", 1, 1, 2, 2, 1, "two_images").async());
        list.add(fixture("ulysses 2 x tp 2", 1, 1, 1, 2, 2, "two_images"));
        list.add(fixture("ring 2 x tp 2", 1, 1, 2, 1, 2, "two_images"));
        list.add(fixture("cached, ulysses 2 x ring 2", 1, 1, 2, 2, 1, null).cached("f2b1_taylor1"));
        list.add(fixture("dp 2 x tp 2", 2, 1, 1, 1, 2, "two_images"));
        list.add(single("odd ulysses 4", ODD, 1, 1, 1, 4, 1));
        list.add(single("odd ulysses 2 x ring 2", ODD, 1, 1, 2, 2, 1));
        list.add(fixture("text encoders 4", 1, 1, 1, 4, 1, "two_images").with("text_encoder"));
        list.add(single("vae 2 x dp 2", LARGE, 2, 2, 1, 1, 1).with("vae"));
      }
      case 8 -> {
        list.add(fixture("ulysses 2 x ring 2 x tp 2", 1, 1, 2, 2, 2, "two_images"));
        list.add(single("cfg 2 x ulysses 2 x tp 2", GUIDED, 1, 2, 1, 2, 2));
        list.add(
            fixture("cached, ulysses 2 x ring 2 x tp 2", 1, 1, 2, 2, 2, null)
                .cached("f1b0_default"));
        list.add(fixture("ring 8", 1, 1, 8, 1, 1, "two_images"));
        list.add(single("odd ulysses 4 x ring 2", ODD, 1, 1, 2, 4, 1));
      }
      default -> throw new IllegalArgumentException("no cases for " + world + " ranks");
    }
    return list;
  }

  private static FluxCase fixture(
      String name, int dp, int cfg, int ring, int ulysses, int tp, String run) {
    return new FluxCase(
        name, config(dp, cfg, ring, ulysses, tp), DType.FLOAT32, DEV, run, null, null);
  }

  private static FluxCase single(
      String name, Values request, int dp, int cfg, int ring, int ulysses, int tp) {
    return new FluxCase(
        name, config(dp, cfg, ring, ulysses, tp), DType.FLOAT32, DEV, null, request, null);
  }

  private static ParallelConfig config(int dp, int cfg, int ring, int ulysses, int tp) {
    return ParallelConfig.of(new Mesh(dp, cfg, ring, ulysses, tp));
  }

  private FluxCase async() {
    return new FluxCase(name, config.withAsync(true), dtype, fixture, run, request, cache);
  }

  private FluxCase float8(DType type) {
    return new FluxCase(name, config.withFloat8(true), type, fixture, run, request, cache);
  }

  private FluxCase with(String... modules) {
    return new FluxCase(
        name, config.withModules(Set.of(modules)), dtype, fixture, run, request, cache);
  }

  private FluxCase cached(String cacheRun) {
    return new FluxCase(name, config, dtype, fixture, run, request, cacheRun);
  }

  /** What the fixture holds of the cached run. */
  JsonNode cacheRun(Fixture f) {
    return f.json().path("cache_runs").path(cache);
  }

  /** The request, from the fixture where it names a run. */
  Values request(Fixture f) {
    if (request != null) {
      return request;
    }
    JsonNode call = f.json().path("call");
    if (cache != null) {
      call = f.json().path("calls").path(cacheRun(f).path("call").asString());
    } else if (!run.equals("call")) {
      call = f.json().path("runs").path(run).path("call");
    }
    return Requests.of(call);
  }

  /** What one denoising step sends, by the formulas. */
  LayoutPlan plan(Values r) {
    boolean guided = r.get(RequestKeys.NEGATIVE_PROMPT) != null;
    PlanRequest p =
        new PlanRequest(
            PlanReportTest.cost(
                PlanReportTest.TINY,
                r.get(RequestKeys.MAX_SEQUENCE_LENGTH),
                r.get(RequestKeys.HEIGHT) / 16,
                r.get(RequestKeys.WIDTH) / 16),
            r.get(RequestKeys.NUM_OUTPUTS_PER_PROMPT),
            guided ? 2 : 1,
            dtype,
            0,
            1,
            1);
    return LayoutPlan.of(config, p);
  }
}
