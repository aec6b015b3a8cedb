package io.jdit.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Ids of every fixture text, from the folder as it is and with each kind of vocabulary file alone.
 */
class TokenizerGoldenTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final Map<String, String> CLASSES =
      Map.of("tokenizer", "CLIPTokenizer", "tokenizer_2", "T5TokenizerFast");

  @TempDir Path temp;

  @TestFactory
  Stream<DynamicTest> flux() {
    return Stream.of("flux1-dev-tiny", "flux1-schnell-tiny")
        .flatMap(
            fixture ->
                Stream.of("tokenizer", "tokenizer_2").flatMap(part -> sources(fixture, part)));
  }

  private Stream<DynamicTest> sources(String fixture, String part) {
    Path folder = FIXTURES.resolve(fixture).resolve("pipeline").resolve(part);
    Stream<String> without =
        part.equals("tokenizer")
            ? Stream.of("", "special_tokens_map.json")
            : Stream.of("", "tokenizer.json", "spiece.model", "special_tokens_map.json");
    return without.map(
        name ->
            DynamicTest.dynamicTest(
                fixture + "/" + part + (name.isEmpty() ? "" : " without " + name),
                () -> verify(fixture, part, copyWithout(folder, name))));
  }

  @TestFactory
  Stream<DynamicTest> qwen() {
    return Stream.of("z-image-turbo-tiny", "qwen-image-tiny")
        .flatMap(
            fixture ->
                (fixture.startsWith("z")
                        ? Stream.of("", "tokenizer.json", "vocab.json")
                        : Stream.of("", "added_tokens.json", "special_tokens_map.json"))
                    .map(
                        without ->
                            DynamicTest.dynamicTest(
                                fixture + (without.isEmpty() ? "" : " without " + without),
                                () -> verifyChat(fixture, without))));
  }

  /** FLUX.2's, whose prompts are in templates; of the texts the padding is checked elsewhere. */
  @TestFactory
  Stream<DynamicTest> flux2() {
    return Stream.of("flux2-tiny PixtralProcessor", "flux2-klein-tiny Qwen2TokenizerFast")
        .map(
            line ->
                DynamicTest.dynamicTest(
                    line, () -> verifyTemplated(line.split(" ")[0], line.split(" ")[1])));
  }

  private static void verifyTemplated(String fixture, String className) throws IOException {
    JsonNode expected =
        JsonMapper.shared().readTree(FIXTURES.resolve(fixture).resolve("expected.json"));
    int compared = 0;
    try (Tokenizer tokenizer =
        Tokenizers.load(FIXTURES.resolve(fixture).resolve("pipeline/tokenizer"), className)) {
      for (JsonNode prompt : expected.path("tokenizer_ids")) {
        // The template begins with the token that the tokenizer puts before every text.
        String text = prompt.path("templated").asString().replaceFirst("^<s>", "");
        long[] ids = longs(prompt.path("tokenizer"));
        TokenIds found = tokenizer.encode(text, ids.length);
        assertThat(found.ids()).as(text).isEqualTo(ids);
        long[] mask = longs(prompt.path("attention_mask"));
        assertThat(found.length()).isEqualTo((int) Arrays.stream(mask).sum());
        assertThat(mask[found.start()]).isEqualTo(1);
        assertThat(mask[found.start() + found.length() - 1]).isEqualTo(1);
        compared++;
      }
      for (JsonNode stress : expected.path("tokenizer_stress")) {
        String text = stress.path("text").asString();
        assertThat(tokenizer.encode(text)).as(text).isEqualTo(longs(stress.path("tokenizer")));
        compared++;
      }
    }
    assertThat(compared).isGreaterThanOrEqualTo(25);
  }

  /**
   * Scripts, emoji of several code points, a thousand words: whole, and as a pipeline cuts them.
   */
  @TestFactory
  Stream<DynamicTest> prompts() throws IOException {
    JsonNode expected =
        JsonMapper.shared().readTree(FIXTURES.resolve("prompts").resolve("expected.json"));
    JsonNode fixtures = expected.path("tokenizers");
    return fixtures.propertyNames().stream()
        .map(
            name ->
                DynamicTest.dynamicTest(
                    name, () -> verify(name, expected.path("prompts"), fixtures.path(name))));
  }

  private void verify(String fixture, JsonNode prompts, JsonNode expected) {
    Path folder = FIXTURES.resolve(fixture).resolve("pipeline").resolve("tokenizer");
    boolean wan = fixture.startsWith("wan");
    try (Tokenizer tokenizer =
        Tokenizers.load(folder, wan ? "TokenizersBackend" : "Qwen2Tokenizer")) {
      assertThat(prompts.size()).isEqualTo(expected.size()).isEqualTo(6);
      for (String name : prompts.propertyNames()) {
        String prompt = prompts.path(name).asString();
        long[] ids = longs(expected.path(name).path("ids"));
        long[] cut = longs(expected.path(name).path("pipeline"));
        assertThat(tokenizer.encode(prompt)).as(name).isEqualTo(ids);
        TokenIds used = encoded(fixture, tokenizer, prompt);
        assertThat(Arrays.copyOf(used.ids(), used.length())).as(name).isEqualTo(cut);
        List<String> notes = new ArrayList<>();
        used.noteIfCut("X", 512, notes);
        assertThat(notes).as(name).hasSize(name.equals("words") ? 1 : 0);
        for (String note : notes) {
          // Around a prompt, templates have tokens that count.
          assertThat(note)
              .startsWith("the prompt has " + (512 + used.dropped()) + " X tokens, 512");
          assertThat(note).hasSizeLessThan(150).doesNotContain("\n");
          assertThat(used.dropped()).isBetween(ids.length - 512, ids.length - 512 + 10);
        }
      }
    }
  }

  /** As pipelines encode, with 512 tokens; Qwen-Image drops what its template has before. */
  private static TokenIds encoded(String fixture, Tokenizer tokenizer, String prompt) {
    if (fixture.startsWith("wan")) {
      return tokenizer.encode(prompt, 512);
    }
    JsonNode expected =
        JsonMapper.shared().readTree(FIXTURES.resolve(fixture).resolve("expected.json"));
    int before = expected.path("text").path("drop_idx").asInt(0);
    return template(expected).encode(tokenizer, prompt, 512 + before);
  }

  private void verifyChat(String fixture, String without) throws IOException {
    JsonNode expected =
        JsonMapper.shared().readTree(FIXTURES.resolve(fixture).resolve("expected.json"));
    Path folder =
        copyWithout(FIXTURES.resolve(fixture).resolve("pipeline").resolve("tokenizer"), without);
    int compared = 0;
    JsonNode dropped = expected.path("text").path("drop_idx"); // Qwen-Image's limit comes on top
    PromptTemplate template = template(expected);
    try (Tokenizer tokenizer = Tokenizers.load(folder, "Qwen2Tokenizer")) {
      for (JsonNode text : expected.path("text_components")) {
        if (!text.has("input_ids")) {
          continue;
        }
        int maxLength = text.path("max_sequence_length").asInt() + dropped.asInt(0);
        String prompt = text.path("prompt").asString();
        TokenIds ids = template.encode(tokenizer, prompt, maxLength);
        long[] used = Arrays.copyOf(ids.ids(), ids.length());
        assertThat(used).as(prompt).isEqualTo(longs(text.path("input_ids")));
        assertThat(Arrays.stream(ids.ids()).skip(used.length))
            .as("padding of %s", prompt)
            .hasSize(maxLength - used.length)
            .allMatch(id -> id == tokenizer.padId());
        assertThat(prompt).as("overflow").endsWith(ids.overflow());
        compared++;
      }
      assertThat(tokenizer.padId()).isEqualTo(600);
    }
    assertThat(compared).isGreaterThanOrEqualTo(4);
  }

  /**
   * Llama's: the pad token is among the added tokens only; a long prompt loses the template's end.
   */
  @Test
  void llama() throws IOException {
    Path fixture = FIXTURES.resolve("hunyuan-video-tiny");
    JsonNode text = JsonMapper.shared().readTree(fixture.resolve("expected.json")).path("text");
    String[] around = text.path("template").path("template").asString().split("\\{\\}");
    PromptTemplate template = new PromptTemplate(around[0], around[1]);
    List<JsonNode> prompts = new ArrayList<>(text.path("component").valueStream().toList());
    prompts.add(text.path("prompt"));
    prompts.add(text.path("negative_prompt"));
    try (Tokenizer llama =
            Tokenizers.load(fixture.resolve("pipeline/tokenizer"), "TokenizersBackend");
        Tokenizer clip =
            Tokenizers.load(fixture.resolve("pipeline/tokenizer_2"), "CLIPTokenizer")) {
      for (JsonNode prompt : prompts) {
        String raw = prompt.path("raw").asString();
        TokenIds ids = template.encode(llama, raw, 119);
        assertThat(ids.ids()).as(raw).isEqualTo(longs(prompt.path("input_ids")));
        assertThat(ids.length()).as(raw).isEqualTo(prompt.path("num_tokens").asInt());
        assertThat(raw).as("overflow").endsWith(ids.overflow());
        assertThat(clip.encode(raw, 77).ids())
            .as(raw)
            .isEqualTo(longs(prompt.path("clip_input_ids")));
      }
    }
  }

  /** That of Qwen-Image is in its fixture. */
  private static PromptTemplate template(JsonNode fixture) {
    if (!fixture.path("text").has("template")) {
      return PromptTemplate.user();
    }
    String[] around = fixture.path("text").path("template").asString().split("\\{\\}");
    return new PromptTemplate(around[0], around[1]);
  }

  private void verify(String fixture, String part, Path folder) throws IOException {
    JsonNode expected =
        JsonMapper.shared().readTree(FIXTURES.resolve(fixture).resolve("expected.json"));
    int maxLength =
        part.equals("tokenizer") ? 77 : expected.path("call").path("max_sequence_length").asInt();
    List<String> compared = new ArrayList<>();
    try (Tokenizer tokenizer = Tokenizers.load(folder, CLASSES.get(part))) {
      for (JsonNode prompt : expected.path("tokenizer_ids")) {
        String text = prompt.path("prompt").asString();
        long[] whole = longs(prompt.path(part + "_unpadded"));
        TokenIds ids = tokenizer.encode(text, maxLength);
        assertThat(tokenizer.encode(text)).as(text).isEqualTo(whole);
        assertThat(ids.ids()).as(text).isEqualTo(longs(prompt.path(part)));
        assertThat(ids.length()).as(text).isEqualTo(Math.min(whole.length, maxLength));
        assertThat(ids.dropped()).as(text).isEqualTo(Math.max(0, whole.length - maxLength));
        compared.add(text);
      }
      for (JsonNode stress : expected.path("tokenizer_stress")) {
        String text = stress.path("text").asString();
        assertThat(tokenizer.encode(text)).as(text).isEqualTo(longs(stress.path(part)));
        compared.add(text);
      }
    }
    assertThat(compared).hasSizeGreaterThanOrEqualTo(25);
  }

  private Path copyWithout(Path folder, String without) throws IOException {
    Path copy = Files.createTempDirectory(temp, "tokenizer");
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        if (!file.getFileName().toString().equals(without)) {
          Files.copy(file, copy.resolve(file.getFileName()));
        }
      }
    }
    return copy;
  }

  private static long[] longs(JsonNode ids) {
    assertThat(ids.isArray()).isTrue();
    return LongStream.range(0, ids.size()).map(i -> ids.get((int) i).asLong()).toArray();
  }
}
