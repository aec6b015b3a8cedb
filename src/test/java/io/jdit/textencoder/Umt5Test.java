package io.jdit.textencoder;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.tokenizer.TokenIds;
import io.jdit.tokenizer.Tokenizer;
import io.jdit.tokenizer.Tokenizers;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class Umt5Test {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny", "wan21-i2v-tiny"})
  void idsAndStatesEqualTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name);
        Tokenizer tokenizer =
            Tokenizers.load(f.pipeline().resolve("tokenizer"), "TokenizersBackend")) {
      T5Encoder encoder =
          f.build(
              "text_encoder",
              DType.FLOAT32,
              weights,
              w ->
                  new T5Encoder(
                      T5Encoder.Config.readUmt5(f.config("text_encoder")),
                      w,
                      LinearFactory.dense()));
      JsonNode text = f.json().path("text");
      List<JsonNode> prompts = new ArrayList<>();
      text.path("component").forEach(prompts::add);
      for (int i = 0; i < prompts.size(); i++) {
        TokenIds ids = requireIds(tokenizer, prompts.get(i));
        Tensor states = encoder.forwardUnpadded(ids.ids(), ids.length());
        Tensor expected = f.tensor("text_encoder." + i + ".last_hidden_state");
        assertThat(states.narrow(1, 0, ids.length()))
            .as("prompt %d", i)
            .isCloseTo(expected.narrow(1, 0, ids.length()), TOLERANCE);
      }
      for (String branch : new String[] {"prompt", "negative_prompt"}) {
        TokenIds ids = requireIds(tokenizer, text.path(branch));
        assertThat(encoder.forwardUnpadded(ids.ids(), ids.length()))
            .as(branch)
            .isCloseTo(f.tensor(branch + "_embeds"), TOLERANCE);
      }
    }
  }

  private static TokenIds requireIds(Tokenizer tokenizer, JsonNode prompt) {
    List<Long> expected = new ArrayList<>();
    prompt.path("input_ids").forEach(id -> expected.add(id.asLong()));
    TokenIds ids = tokenizer.encode(prompt.path("clean").asString(), expected.size());
    Assertions.assertThat(ids.ids()).containsExactly(expected.stream().mapToLong(l -> l).toArray());
    Assertions.assertThat(ids.length()).isEqualTo(prompt.path("num_tokens").asInt());
    return ids;
  }
}
