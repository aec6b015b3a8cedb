package io.jdit.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.family.Families;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
class KeptConditionsTest {
  private static final long FLOATS_100 = 400;

  @TempDir private Path folder;

  private final List<Object> encoded = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  private Condition get(KeptConditions kept, Object input, int floats) {
    return kept.get(
        List.of(input),
        notes,
        n -> {
          encoded.add(input);
          n.add("note of " + input);
          return new Condition(Map.of("x", Tensor.zeros(DType.FLOAT32, Device.CPU, 1, floats)));
        });
  }

  @Test
  void whatWasNotUsedForLongestGoes() {
    try (TensorScope scope = TensorScope.open();
        KeptConditions kept = new KeptConditions(3 * FLOATS_100)) {
      Condition a = get(kept, "a", 100);
      get(kept, "b", 100);
      get(kept, "c", 100);
      assertThat(get(kept, "a", 100)).isSameAs(a);
      get(kept, "d", 100); // in place of b
      assertThat(encoded).containsExactly("a", "b", "c", "d");
      assertThat(get(kept, "a", 100)).isSameAs(a);
      get(kept, "c", 100);
      get(kept, "b", 100);
      assertThat(encoded).containsExactly("a", "b", "c", "d", "b");
      assertThat(a.get("x").isClosed()).isFalse();
      get(kept, "e", 300); // in place of all
      assertThat(a.get("x").isClosed()).isTrue();
    }
  }

  @Test
  void notesComeAgain() {
    try (TensorScope scope = TensorScope.open();
        KeptConditions kept = new KeptConditions(FLOATS_100)) {
      get(kept, "a", 100);
      get(kept, "a", 100);
      assertThat(notes).containsExactly("note of a", "note of a");
      assertThat(encoded).hasSize(1);
    }
  }

  @Test
  void whatIsTooLargeOrHasNoInputsIsNotKept() {
    try (TensorScope scope = TensorScope.open();
        KeptConditions kept = new KeptConditions(FLOATS_100)) {
      Condition small = get(kept, "a", 100);
      get(kept, "b", 101);
      get(kept, "b", 101);
      assertThat(encoded).containsExactly("a", "b", "b");
      assertThat(get(kept, "a", 100)).isSameAs(small); // did not have to go
      int[] calls = {0};
      for (int i = 0; i < 2; i++) {
        kept.get(
            List.of(),
            notes,
            n -> {
              calls[0]++;
              return Condition.none();
            });
      }
      assertThat(calls[0]).isEqualTo(2);
    }
  }

  /** Two prompts, each with two seeds and the same negative prompt: three texts, one picture. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "flux1-dev-tiny",
        "z-image-turbo-tiny",
        "qwen-image-tiny",
        "wan21-t2v-tiny",
        "wan21-i2v-tiny",
        "hunyuan-video-tiny"
      })
  void repeatedTextsAndPicturesAreEncodedOnceAndChangeNothing(String name) throws IOException {
    Path pipeline = Fixture.ROOT.resolve(name).resolve("pipeline");
    Parameters parameters = Engine.parameters(pipeline);
    List<Request> requests = new ArrayList<>();
    for (String prompt : List.of("a red fox", "a blue house")) {
      for (int seed = 1; seed <= 2; seed++) {
        requests.add(parameters.resolve(request(parameters, prompt, seed)));
      }
    }
    ModelFolder model = ModelFolder.open(pipeline);
    Map<String, Integer> calls = new HashMap<>();
    try (TensorScope scope = TensorScope.open();
        Model counted = counting(Families.of(model).build(model, Strategies.cpu()), calls);
        KeptConditions none = new KeptConditions(0);
        KeptConditions kept = new KeptConditions(KeptConditions.BYTES)) {
      List<byte[]> alone = requests.stream().map(r -> run(counted, r, none)).toList();
      assertThat(calls).containsEntry("encode", 8).containsEntry("encodeShared", 4);
      calls.clear();
      List<byte[]> together = requests.stream().map(r -> run(counted, r, kept)).toList();
      assertThat(calls).containsEntry("encode", 3);
      if (parameters.keys().contains(RequestKeys.IMAGE_PATH)) {
        assertThat(calls).containsEntry("encodeShared", 1);
      }
      for (int i = 0; i < alone.size(); i++) {
        assertThat(together.get(i)).as("request %s", i).isEqualTo(alone.get(i));
      }
      assertThat(alone.get(0)).isNotEqualTo(alone.get(2));
    }
  }

  private Values request(Parameters parameters, String prompt, int seed) throws IOException {
    Values values =
        Requests.small(prompt, 32, 32, 2, 32)
            .with(RequestKeys.SEED, BigInteger.valueOf(seed))
            .with(RequestKeys.NEGATIVE_PROMPT, "blurry");
    boolean trueCfg = parameters.keys().contains(RequestKeys.TRUE_CFG_SCALE);
    values = values.with(trueCfg ? RequestKeys.TRUE_CFG_SCALE : RequestKeys.GUIDANCE_SCALE, 3.0);
    values = Requests.fewFrames(parameters, values);
    if (parameters.keys().contains(RequestKeys.IMAGE_PATH)) {
      // A copy under another name is the same picture.
      Path file = folder.resolve(seed + ".png");
      byte[] rgb = new byte[3 * 40 * 30];
      rgb[7] = 99;
      PngWriter.write(file, new Picture(40, 30, rgb), Map.of());
      values = values.with(RequestKeys.IMAGE_PATH, List.of(file.toString()));
    }
    return values;
  }

  private static byte[] run(Model model, Request request, KeptConditions kept) {
    try (Generation g =
        new Generation(model, request, Branches.here(), Acceleration.none(), kept)) {
      g.encode();
      while (!g.done()) {
        g.step();
      }
      return g.latents().toBytes();
    }
  }

  private static Model counting(Model model, Map<String, Integer> calls) {
    return (Model)
        Proxy.newProxyInstance(
            Model.class.getClassLoader(),
            new Class<?>[] {Model.class},
            (proxy, method, args) -> {
              calls.merge(method.getName(), 1, Integer::sum);
              try {
                method.setAccessible(true);
                return method.invoke(model, args);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
