package io.jdit.server;

import io.jdit.cache.CacheKeys;
import io.jdit.cache.QualityTier;
import io.jdit.config.Catalog;
import io.jdit.config.Key;
import io.jdit.config.ValueType;
import io.jdit.pipeline.RequestKeys;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;

/**
 * Fields of HTTP requests that are not parameters of a generation ({@link RequestKeys}): which
 * model, in which form the answer comes. What SGLang or OpenAI know and JDiT does not do is listed
 * with the reason.
 */
final class ApiKeys {
  private ApiKeys() {}

  /** How a client gets the result. */
  enum ResponseFormat {
    URL,
    B64_JSON
  }

  /** Files of pictures. */
  enum OutputFormat {
    PNG,
    JPEG,
    JPG,
    WEBP;

    String extension() {
      return this == JPEG ? "jpg" : name().toLowerCase(Locale.ROOT);
    }
  }

  enum Background {
    AUTO,
    OPAQUE,
    TRANSPARENT
  }

  static final Key<String> MODEL =
      Key.of("model", ValueType.text()).withHelp("NAME", "Name of a served model.");

  static final Key<Integer> N =
      Key.of("n", ValueType.integer())
          .withHelp("N", "Outputs of this request, 1 to 10; others are taken as the nearest.");

  /** Of each output where it is a list. */
  static final Key<List<BigInteger>> SEED =
      Key.of(RequestKeys.SEED.name(), seeds())
          .withHelp("N|LIST", "Of the noise; a list makes one output for each.");

  static final Key<String> SIZE =
      Key.of("size", ValueType.text())
          .withHelp("WxH", "Size in pixels, or auto. Default: the model's.");

  static final Key<ResponseFormat> RESPONSE_FORMAT =
      Key.of("response_format", ValueType.choice(ResponseFormat.class))
          .withHelp("FORMAT", "url or b64_json.");

  static final Key<OutputFormat> OUTPUT_FORMAT =
      Key.of("output_format", ValueType.choice(OutputFormat.class))
          .withHelp(
              "FORMAT", "png, jpeg or webp. Default: jpeg, or png with a transparent background.");

  static final Key<Background> BACKGROUND =
      Key.of("background", ValueType.choice(Background.class))
          .withHelp("KIND", "auto, opaque, or transparent, which makes PNG the default format.");

  static final Key<Integer> OUTPUT_COMPRESSION =
      Key.of("output_compression", ValueType.integerBetween(0, 100))
          .withHelp("Q", "Quality of JPEG and WebP files and videos; wins over output_quality.");

  static final Key<String> OUTPUT_QUALITY =
      Key.of("output_quality", ValueType.text())
          .withHelp("Q", "default, low, medium, high, maximum or 0 to 100.");

  static final Key<Boolean> STREAM =
      Key.of("stream", ValueType.bool())
          .withDefault(false)
          .withHelp("BOOL", "Answer with server-sent events.");

  static final Key<Integer> PARTIAL_IMAGES =
      Key.of("partial_images", ValueType.integerBetween(0, 3))
          .withDefault(0)
          .withHelp("N", "Coarse pictures to send on the way, with stream.");

  static final Key<Boolean> ENABLE_CACHE_DIT =
      Key.of("enable_cache_dit", ValueType.bool())
          .withHelp("BOOL", "A step cache for this request. Default: as the server was started.");

  static final Key<JsonNode> CACHE_DIT_PARAMS =
      Key.of("cache_dit_params", object())
          .withHelp("OBJECT", "Keys of cache_config; needs enable_cache_dit.");

  static final Key<QualityTier> CACHE_QUALITY =
      Key.of("cache_quality", CacheKeys.FORECAST_QUALITY.type())
          .withHelp(
              "TIER",
              "Choose the cache by quality: lossless, extra-high, high or draft; goes with no other"
                  + " field of the cache.");

  static final Key<JsonNode> DIFFUSERS_KWARGS =
      Key.of("diffusers_kwargs", object())
          .withAliases("extra_body", "extra_params")
          .withHelp("OBJECT", "Further parameters by name.");

  static final Key<Integer> SECONDS =
      Key.of("seconds", secondsType())
          .withHelp("S", "Length of a video: frames are fps times seconds.");

  /** Text in OpenAI's interface, a number in others. */
  private static ValueType<Integer> secondsType() {
    ValueType<Integer> number = ValueType.integerBetween(1, 600);
    return ValueType.of(
        number.expected(),
        node -> node.isString() ? number.parseOrNull(node.stringValue()) : number.readOrNull(node),
        number::parseOrNull,
        String::valueOf);
  }

  /** One or several, in forms separated by commas. */
  private static ValueType<List<BigInteger>> seeds() {
    ValueType<BigInteger> one = RequestKeys.SEED.type();
    return ValueType.of(
        one.expected() + ", or a list",
        node -> all(node.isArray() ? node.values() : List.of(node), one::readOrNull),
        text -> all(List.of(text.split(",", -1)), t -> one.parseOrNull(t.strip())),
        String::valueOf);
  }

  /** Null for none, or where one is no value. */
  private static <T, V> List<V> all(Collection<T> given, Function<T, V> reader) {
    List<V> values = new ArrayList<>();
    given.forEach(g -> values.add(reader.apply(g)));
    return values.isEmpty() || values.contains(null) ? null : values;
  }

  /** A JSON object, in forms as text. */
  private static ValueType<JsonNode> object() {
    return ValueType.of(
        "an object of keys and values",
        node -> node.isObject() ? node : node.isString() ? Json.object(node.stringValue()) : null,
        Json::object,
        JsonNode::toString);
  }

  /** What every generation takes besides its parameters. */
  private static final Catalog COMMON =
      Catalog.of(
          MODEL,
          N,
          SIZE,
          SEED,
          OUTPUT_COMPRESSION,
          OUTPUT_QUALITY,
          ENABLE_CACHE_DIT,
          CACHE_DIT_PARAMS,
          CACHE_QUALITY,
          DIFFUSERS_KWARGS);

  static final Catalog IMAGES =
      COMMON.and(RESPONSE_FORMAT, OUTPUT_FORMAT, BACKGROUND, STREAM, PARTIAL_IMAGES);

  static final Catalog VIDEOS = COMMON.and(SECONDS);

  /** Parameters of a generation that a request may set; pictures come as data, never as paths. */
  static final Catalog PARAMETERS =
      Catalog.of(RequestKeys.ALL.keys().stream().filter(k -> k != RequestKeys.IMAGE_PATH).toList());

  /** Fields that are read elsewhere: pictures. */
  static final List<String> PICTURES =
      List.of("image", "image[]", "url", "url[]", "input_reference", "reference_url");

  /** Fields of OpenAI's and SGLang's interfaces that change nothing here. */
  static final List<String> WITHOUT_EFFECT =
      List.of(
          "user",
          "style",
          "quality",
          "moderation",
          "input_fidelity",
          "generator_device",
          "save_output",
          "return_frames",
          "request_id");

  /** Fields that ask for what JDiT does not do, with the way out; false, null and 0 are taken. */
  static final Map<String, String> REFUSED = refused();

  private static Map<String, String> refused() {
    Map<String, String> map = new LinkedHashMap<>();
    String cache = "use enable_cache_dit, which holds the quality better";
    map.put("enable_teacache", cache);
    map.put("enable_spectrum", cache);
    map.put("progressive_mode", cache);
    map.put("enable_upscaling", "ask for the size that is wanted");
    map.put("enable_frame_interpolation", "ask for the frames that are wanted: num_frames and fps");
    map.put("enhance_prompt", "write the prompt in full");
    map.put("mask", "edits change the whole picture: say in the prompt what is to change");
    map.put("image_path", "send the picture itself as a file or data URL");
    map.put("video_path", "no model here takes a video");
    map.put("video_url", "no model here takes a video");
    map.put("output_path", "results are fetched from /content; the server keeps its own files");
    map.put("perf_dump_path", "times are in the answer");
    map.put("profile", "use jdit bench");
    map.put("cfg_gate_step", "use cfg_truncation where the model has it");
    map.put("attention_backend_override", "start the server with --attention-backend");
    return map;
  }
}
