package io.jdit.server;

import io.jdit.cache.QualityTier;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.engine.OutputQuality;
import io.jdit.engine.RequestCache;
import io.jdit.engine.serve.CacheChoice;
import io.jdit.engine.serve.QueueFullException;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.ServedModels;
import io.jdit.engine.serve.Target;
import io.jdit.engine.serve.Task;
import io.jdit.media.OutputKind;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/** Turns the fields of a request into an order, checks it, and hands it to the scheduler. */
final class Submission {
  private static final Pattern SIZE =
      Pattern.compile("([1-9]\\d{0,5})\\s*[xX*]\\s*([1-9]\\d{0,5})");
  private static final int MOST_OUTPUTS = 10;

  private final ServedModels models;
  private final Scheduler scheduler;
  private final ServerSettings settings;

  Submission(ServedModels models, Scheduler scheduler, ServerSettings settings) {
    this.models = models;
    this.scheduler = scheduler;
    this.settings = settings;
  }

  /** Of an order, and of the files that belong to it. */
  static String id(OutputKind kind) {
    return (kind == OutputKind.VIDEO ? "video_" : "img_")
        + UUID.randomUUID().toString().replace("-", "");
  }

  /**
   * The model that a request names, or the first that makes what the route is for.
   *
   * @throws ApiException when there is none, or it makes something else
   */
  ServedModel model(Fields fields, OutputKind kind) {
    String name = fields.get(ApiKeys.MODEL);
    if (name == null) {
      return models.all().stream()
          .filter(m -> m.parameters().kind() == kind)
          .findFirst()
          .orElseThrow(
              () -> ApiException.badRequest("no model here makes " + plural(kind), "model"));
    }
    ServedModel model;
    try {
      model = models.find(name);
    } catch (NoSuchElementException e) {
      throw ApiException.badRequest(e.getMessage(), "model");
    }
    if (model.parameters().kind() != kind) {
      throw ApiException.badRequest(
          "model '"
              + name
              + "' makes "
              + plural(model.parameters().kind())
              + ": use "
              + (kind == OutputKind.VIDEO ? "/v1/images/generations" : "/v1/videos"),
          "model");
    }
    return model;
  }

  private static String plural(OutputKind kind) {
    return kind == OutputKind.VIDEO ? "videos" : "pictures";
  }

  /**
   * Checks a request and puts it into the queue.
   *
   * @param id from {@link #id}
   * @param pictures that it begins with
   * @param extension of the results
   * @param previews coarse pictures to make on the way
   * @param origin the task that this one is a variation of, or null
   * @throws ApiException when it cannot be run, or too many wait
   */
  Task submit(
      String id,
      ServedModel model,
      Fields fields,
      List<Path> pictures,
      String extension,
      int previews,
      String origin) {
    List<BigInteger> seeds = Optional.ofNullable(fields.get(ApiKeys.SEED)).orElse(List.of());
    Values values = seeded(values(fields, model, pictures), seeds);
    Request request = resolve(model, values);
    requireLimits(request);
    OutputKind kind = model.parameters().kind();
    Task.Order order =
        new Task.Order(
            id,
            model.name(),
            kind == OutputKind.VIDEO ? "video" : "image",
            values,
            request,
            seeds.size() > 1 ? seeds : List.of(),
            origin,
            cache(fields),
            new Target(settings.folder(), id, extension, quality(fields)),
            previews,
            work(request));
    try {
      return scheduler.submit(order);
    } catch (QueueFullException e) {
      throw ApiException.busy(e.getMessage(), e.retrySeconds());
    } catch (IllegalStateException e) {
      throw ApiException.unavailable(e.getMessage());
    }
  }

  private static Values values(Fields fields, ServedModel model, List<Path> pictures) {
    Values values = fields.request();
    Integer n = fields.get(ApiKeys.N);
    if (n != null) {
      values =
          values.with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, Math.max(1, Math.min(MOST_OUTPUTS, n)));
    }
    String size = fields.get(ApiKeys.SIZE);
    if (size != null && !size.equals("auto")) {
      Matcher m = SIZE.matcher(size.strip());
      if (!m.matches()) {
        throw ApiException.badRequest(
            "size: expected WIDTHxHEIGHT such as 1024x1024, or auto, found '" + size + "'", "size");
      }
      values =
          values.over(
              Values.of(RequestKeys.WIDTH, Integer.valueOf(m.group(1)))
                  .with(RequestKeys.HEIGHT, Integer.valueOf(m.group(2))));
    }
    Integer seconds = fields.get(ApiKeys.SECONDS);
    if (seconds != null && !values.isSet(RequestKeys.NUM_FRAMES)) {
      Integer fps = values.get(RequestKeys.FPS);
      if (fps == null) {
        fps = model.parameters().outline(Values.none()).get(RequestKeys.FPS);
      }
      long frames = Math.min(Integer.MAX_VALUE, (long) fps * seconds); // more than any limit
      values = values.with(RequestKeys.NUM_FRAMES, (int) frames);
    }
    if (!pictures.isEmpty()) {
      values = values.with(RequestKeys.IMAGE_PATH, pictures.stream().map(Path::toString).toList());
    }
    return values;
  }

  /** With the first seed, and as many outputs as there are. */
  private static Values seeded(Values values, List<BigInteger> seeds) {
    if (seeds.isEmpty()) {
      return values;
    }
    int outputs = values.get(RequestKeys.NUM_OUTPUTS_PER_PROMPT);
    if (seeds.size() > 1 && outputs > 1 && outputs != seeds.size()) {
      throw ApiException.badRequest(
          "seed: " + seeds.size() + " seeds for n = " + outputs + ": a list makes one output each",
          "seed");
    }
    return values
        .with(RequestKeys.SEED, seeds.get(0))
        .with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, Math.max(outputs, seeds.size()));
  }

  private static Request resolve(ServedModel model, Values values) {
    if (values.get(RequestKeys.PROMPT) == null) {
      throw ApiException.invalid("prompt: a prompt is required", "prompt");
    }
    try {
      return model.parameters().resolve(values);
    } catch (IllegalArgumentException e) {
      throw ApiException.badRequest(e.getMessage(), null);
    }
  }

  private void requireLimits(Request request) {
    ServerSettings.Limits limits = settings.limits();
    long pixels = (long) request.width() * request.height();
    require("pixels of an output", pixels, limits.pixels());
    require("num_inference_steps", request.steps(), limits.steps());
    require("n", request.outputs(), MOST_OUTPUTS);
    if (request.values().isSet(RequestKeys.NUM_FRAMES)) {
      require("num_frames", request.get(RequestKeys.NUM_FRAMES), limits.frames());
    }
  }

  private static void require(String what, long value, long limit) {
    if (value > limit) {
      throw ApiException.badRequest(
          what + ": this server takes at most " + limit + ", found " + value, null);
    }
  }

  private static CacheChoice cache(Fields fields) {
    Boolean on = fields.get(ApiKeys.ENABLE_CACHE_DIT);
    JsonNode params = fields.get(ApiKeys.CACHE_DIT_PARAMS);
    if (params != null && !Boolean.TRUE.equals(on)) {
      throw ApiException.badRequest(
          "cache_dit_params needs enable_cache_dit: true", "cache_dit_params");
    }
    QualityTier tier = fields.get(ApiKeys.CACHE_QUALITY);
    if (tier != null && on != null) {
      throw ApiException.badRequest(
          "cache_quality chooses the cache by itself: leave out enable_cache_dit", "cache_quality");
    }
    if (tier != null) {
      return RequestCache.of(tier);
    }
    if (on == null) {
      return null;
    }
    Map<String, Object> map = new LinkedHashMap<>();
    if (params != null) {
      params
          .properties()
          .forEach(e -> map.put(e.getKey(), Json.MAPPER.treeToValue(e.getValue(), Object.class)));
    }
    CacheChoice choice = new CacheChoice(on, map);
    try {
      RequestCache.resolve(choice);
    } catch (ConfigException e) {
      throw ApiException.badRequest(e.getMessage(), "cache_dit_params");
    }
    return choice;
  }

  private static Integer quality(Fields fields) {
    Integer compression = fields.get(ApiKeys.OUTPUT_COMPRESSION);
    String words = fields.get(ApiKeys.OUTPUT_QUALITY);
    try {
      return compression != null || words == null ? compression : OutputQuality.parse(words);
    } catch (ConfigException e) {
      throw ApiException.badRequest("output_quality: " + e.getMessage(), "output_quality");
    }
  }

  /** Pixels times frames times steps. */
  private static double work(Request request) {
    double frames =
        request.values().isSet(RequestKeys.NUM_FRAMES) ? request.get(RequestKeys.NUM_FRAMES) : 1;
    return frames * request.width() * request.height() * request.outputs() * request.steps();
  }
}
