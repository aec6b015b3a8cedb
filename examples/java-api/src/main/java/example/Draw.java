package example;

import io.jdit.cache.BlockCache;
import io.jdit.cache.StepCache;
import io.jdit.cache.CacheKeys;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.transformer.Acceleration;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Map;

/** Draws a picture with the block cache and tells of each step: {@code Draw MODEL FILE.png}. */
public final class Draw {
  public static void main(String[] args) throws Exception {
    Values request =
        Values.of(RequestKeys.PROMPT, "a red circle on a white background")
            .with(RequestKeys.SEED, BigInteger.valueOf(7))
            .with(RequestKeys.NUM_INFERENCE_STEPS, 28);
    Values settings =
        Values.of(CacheKeys.MAX_WARMUP_STEPS, 4)
            .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, 0.2);
    Acceleration.Factory cache = BlockCache.factory(ResolvedCacheConfig.of(settings), null);
    Progress progress =
        new Progress() {
          @Override
          public void step(int done, int total) {
            System.out.println("step " + done + " of " + total);
          }
        };
    // One engine serves any number of requests; load it once.
    try (Engine engine = Engine.load(Path.of(args[0]), Strategies.cpu());
        Result result = engine.generate(request, cache, progress)) {
      StepCache.among(result.accelerations())
          .forEach(
              c ->
                  c.statistics()
                      .forEach(
                          s ->
                              System.out.println(
                                  s.group() + " cached " + s.conditional().cachedSteps())));
      PngWriter.write(
          Path.of(args[1]),
          result.pictures().get(0),
          Map.of("prompt", result.request().prompt()));
      System.out.println(args[1]);
    }
  }
}
