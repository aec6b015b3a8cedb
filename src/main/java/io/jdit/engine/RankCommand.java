package io.jdit.engine;

import io.jdit.config.Values;
import io.jdit.engine.serve.CacheChoice;
import io.jdit.engine.serve.StepRunner;
import io.jdit.engine.serve.Target;
import io.jdit.pipeline.RequestKeys;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/**
 * A call of {@link StepRunner} on its way to a rank. What an operation does not need is null.
 *
 * @param requests parameters by name
 */
record RankCommand(
    Operation operation,
    List<String> ids,
    List<Map<String, Object>> requests,
    CacheChoice cache,
    boolean previews,
    Target target) {
  /** What is to be done. */
  enum Operation {
    BEGIN,
    STEP,
    PREVIEW,
    FINISH,
    DROP,
    ABOUT,
    END
  }

  static RankCommand begin(String id, List<Values> requests, CacheChoice cache, boolean previews) {
    List<Map<String, Object>> maps = requests.stream().map(Values::byName).toList();
    return new RankCommand(Operation.BEGIN, List.of(id), maps, cache, previews, null);
  }

  static RankCommand step(List<String> ids) {
    return new RankCommand(Operation.STEP, ids, null, null, false, null);
  }

  static RankCommand preview(String id) {
    return new RankCommand(Operation.PREVIEW, List.of(id), null, null, false, null);
  }

  static RankCommand finish(String id, Target target) {
    return new RankCommand(Operation.FINISH, List.of(id), null, null, false, target);
  }

  static RankCommand drop(String id) {
    return new RankCommand(Operation.DROP, List.of(id), null, null, false, null);
  }

  static RankCommand about() {
    return new RankCommand(Operation.ABOUT, List.of(), null, null, false, null);
  }

  static RankCommand end() {
    return new RankCommand(Operation.END, List.of(), null, null, false, null);
  }

  /** Name of the stage, for when the rank fails in it. */
  String stage() {
    return switch (operation) {
      case BEGIN -> "text_encode";
      case STEP -> "denoise";
      case FINISH -> "decode";
      default -> "serve";
    };
  }

  /** Does it on this rank. */
  RankReply runOn(StepRunner runner) {
    return switch (operation) {
      case BEGIN -> RankReply.of(runner.begin(ids.get(0), values(), cache, previews));
      case STEP -> RankReply.of(runner.step(ids));
      case PREVIEW -> RankReply.of(runner.preview(ids.get(0)));
      case FINISH -> RankReply.of(runner.finish(ids.get(0), target));
      case DROP -> {
        runner.drop(ids.get(0));
        yield RankReply.done();
      }
      case ABOUT -> RankReply.of(runner.about());
      case END -> RankReply.done();
    };
  }

  private List<Values> values() {
    return requests.stream()
        .map(r -> RequestKeys.ALL.read(JsonMapper.shared().valueToTree(r), ""))
        .toList();
  }
}
