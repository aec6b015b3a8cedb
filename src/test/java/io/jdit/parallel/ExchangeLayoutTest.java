package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.attention.Tokens;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Element order, row counts and payload bytes of the Ulysses exchange, against the reference. */
@ExtendWith(NoLeaks.class)
class ExchangeLayoutTest {
  private static final Path FOLDER = Fixture.ROOT.resolve("parallel");

  @Test
  void splitsOfUnevenLengths() throws Exception {
    JsonNode cases =
        JsonMapper.shared().readTree(Files.readAllBytes(FOLDER.resolve("uaa_splits.json")));
    assertThat(cases.size()).isEqualTo(86);
    for (JsonNode c : cases) {
      int world = c.path("world").asInt();
      int heads = c.path("heads").asInt();
      long[] segments = longs(c.path("segments"));
      boolean headsFit = HeadPadding.allowed(heads, world);
      if (c.has("error")) {
        assertThatThrownBy(
                () -> {
                  HeadPadding.of(heads, world);
                  Tokens.of(world, segments);
                })
            .as(c.toString())
            .isInstanceOf(IllegalArgumentException.class);
        continue;
      }
      assertThat(headsFit).as(c.toString()).isTrue();
      assertThat(Tokens.of(world, segments).counts()).isEqualTo(longs(c.path("local_lengths")));
      for (int s = 0; s < segments.length; s++) {
        for (int r = 0; r < world; r++) {
          assertThat(Tokens.count(segments[s], world, r))
              .isEqualTo(c.path("segment_shards").get(s).get(r).asLong());
        }
      }
      HeadPadding padding = HeadPadding.of(heads, world);
      assertThat(padding.padding()).isEqualTo(c.path("head_padding").asInt());
      assertThat(padding.perRank()).isEqualTo(c.path("heads_per_rank_padded").asInt());
      for (int r = 0; r < world; r++) {
        assertThat((long) padding.computed(r)).isEqualTo(longs(c.path("heads_per_rank_real"))[r]);
      }
    }
  }

  @Test
  void sentAndReceivedElementsStandWhereTheReferencePutsThem() {
    JsonNode cases = ModelConfig.read(FOLDER.resolve("ulysses_layout.json")).json();
    try (SafeTensorsFile f = SafeTensorsFile.open(FOLDER.resolve("ulysses_layout.safetensors"))) {
      for (Map.Entry<String, JsonNode> e : cases.properties()) {
        String name = e.getKey();
        int world = e.getValue().path("world").asInt();
        Tokens tokens = Tokens.of(world, longs(e.getValue().path("segments")));
        assertThat(tokens.counts()).isEqualTo(longs(e.getValue().path("local_lengths")));
        LocalWorld.run(world, g -> replay(f, name, g, tokens));
      }
    }
  }

  private static void replay(SafeTensorsFile f, String name, ProcessGroup g, Tokens tokens) {
    String key = name + ".rank" + g.rank() + ".";
    RecordingGroup recording = new RecordingGroup(g, new ArrayList<>());
    Tensor input = f.read(key + "input");
    List<Tensor> seen = new ArrayList<>();
    Ulysses ulysses =
        new Ulysses(
            recording,
            0,
            (q, k, v, all) -> {
              seen.add(TensorScope.detach(q.copy()));
              return q.copy();
            },
            false,
            false);
    Tensor back = ulysses.forward(input, input, input, tokens);
    assertThat(seen.get(0).equalTo(f.read(key + "qkv_result"))).as(key).isTrue();
    Tensor send = f.read(key + "qkv_send");
    assertThat(recording.sent.get(0).view(send.shape()).equalTo(send)).as(key).isTrue();
    assertThat(recording.sent.get(3).view(-1).equalTo(f.read(key + "o_send_any"))).as(key).isTrue();
    assertThat(back.equalTo(input)).as(key).isTrue();
    seen.forEach(Tensor::close);
    recording.closeSent();
  }

  /** From the projection's layout to the bytes on the wire and back, as the exchange does it. */
  @Test
  void float8PayloadHasTheBytesOfTheReference() {
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile f = SafeTensorsFile.open(FOLDER.resolve("fp8_comm.safetensors"))) {
      Tensor input = f.read("qv_input"); // [B, s, P, h, D]
      Tensor packed =
          new HeadExchange(HeadPadding.of(6, 2), 0)
              .packHeads(input.flatten(2, 3), Payload.FLOAT8_INPUT);
      assertThat(packed.equalTo(f.read("qv_packed"))).isTrue();
      for (int rank = 0; rank < 2; rank++) {
        Tensor heads =
            new HeadExchange(HeadPadding.of(6, 2), rank)
                .unpackHeads(packed.select(0, rank), Payload.FLOAT8_INPUT, DType.BFLOAT16, 32);
        assertThat(heads.equalTo(f.read("qv_dequant_slot" + rank))).isTrue();
      }

      Tensor output = f.read("o_input"); // [P, h, B, s, D]
      Tensor expected = f.read("o_packed");
      Tensor bytes = Payload.FLOAT8_OUTPUT.buffer(output, 2, 3, 2, 6);
      Payload.FLOAT8_OUTPUT.write(output, bytes);
      assertThat(bytes.equalTo(expected)).isTrue();
      // The product sends the same rows in the order of the uneven mode, [S, B, h, D].
      Tensor computed = output.select(0, 0).permute(1, 2, 0, 3);
      assertThat(
              new HeadExchange(HeadPadding.of(6, 2), 0)
                  .packTokens(computed, Payload.FLOAT8_OUTPUT)
                  .equalTo(expected.select(0, 0).permute(2, 1, 0, 3).contiguous()))
          .isTrue();
      assertThat(
              Payload.FLOAT8_OUTPUT
                  .numbers(expected, DType.BFLOAT16, 32)
                  .equalTo(f.read("o_dequant")))
          .isTrue();
      assertThat(Payload.FLOAT8_INPUT.bytes(32, DType.BFLOAT16)).isEqualTo(packed.size(-1));
      assertThat(Payload.FLOAT8_OUTPUT.bytes(32, DType.BFLOAT16)).isEqualTo(expected.size(-1));
    }
  }

  /** Seven heads on four ranks: the last rank computes one and its padding is nobody's. */
  @Test
  void paddedHeadsTravelAsZerosInFloat8() {
    try (TensorScope scope = TensorScope.open();
        Generator generator = new Generator(3)) {
      HeadPadding padding = HeadPadding.of(7, 4);
      Tensor x = generator.randn(DType.BFLOAT16, 2, 5, 7, 16);
      Tensor packed = new HeadExchange(padding, 0).packHeads(x, Payload.FLOAT8_INPUT);
      assertThat(packed.shape()).containsExactly(4, 5, 2, 2, 20);
      assertThat(packed.select(0, 3).select(2, 1).toBytes()).containsOnly(0);
      for (int rank = 0; rank < 4; rank++) {
        Tensor heads =
            new HeadExchange(padding, rank)
                .unpackHeads(packed.select(0, rank), Payload.FLOAT8_INPUT, DType.BFLOAT16, 16);
        int computed = rank == 3 ? 1 : 2;
        Tensor sent = x.narrow(2, 2 * rank, computed);
        assertThat(heads.shape()).containsExactly(2, 5, computed, 16);
        // Half an e4m3 step is 1/16 of a value or 2^-10 of the row's largest one.
        assertThat(heads.sub(sent).abs().max().item()).isLessThan(sent.abs().max().item() / 16);
      }
    }
  }

  static long[] longs(JsonNode list) {
    long[] values = new long[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = list.get(i).asLong();
    }
    return values;
  }
}
