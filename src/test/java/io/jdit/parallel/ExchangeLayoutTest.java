package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.tensor.DType;
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
      TokenShares shares = new TokenShares(1, world);
      long[] segments = longs(c.path("segments"));
      boolean headsFit = HeadPadding.allowed(heads, world);
      if (c.has("error")) {
        assertThatThrownBy(
                () -> {
                  HeadPadding.of(heads, world);
                  shares.cut(segments);
                })
            .as(c.toString())
            .isInstanceOf(IllegalArgumentException.class);
        continue;
      }
      assertThat(headsFit).as(c.toString()).isTrue();
      shares.cut(segments);
      assertThat(shares.ofUlysses(0)).isEqualTo(longs(c.path("local_lengths")));
      for (int s = 0; s < segments.length; s++) {
        for (int r = 0; r < world; r++) {
          assertThat(TokenShares.count(segments[s], world, r))
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
        long[] lengths = longs(e.getValue().path("local_lengths"));
        LocalWorld.run(world, g -> replay(f, name, g, lengths));
      }
    }
  }

  private static void replay(SafeTensorsFile f, String name, ProcessGroup g, long[] lengths) {
    String key = name + ".rank" + g.rank() + ".";
    RecordingGroup recording = new RecordingGroup(g, new ArrayList<>());
    Tensor input = f.read(key + "input");
    List<Tensor> seen = new ArrayList<>();
    Ulysses ulysses =
        new Ulysses(
            recording,
            () -> lengths,
            (q, k, v) -> {
              seen.add(TensorScope.detach(q.copy()));
              return q.copy();
            },
            false,
            false);
    Tensor back = ulysses.forward(input, input, input);
    assertThat(seen.get(0).equalTo(f.read(key + "qkv_result"))).as(key).isTrue();
    Tensor send = f.read(key + "qkv_send");
    assertThat(recording.sent.get(0).view(send.shape()).equalTo(send)).as(key).isTrue();
    assertThat(recording.sent.get(3).view(-1).equalTo(f.read(key + "o_send_any"))).as(key).isTrue();
    assertThat(back.equalTo(input)).as(key).isTrue();
    seen.forEach(Tensor::close);
    recording.closeSent();
  }

  @Test
  void float8PayloadHasTheBytesOfTheReference() {
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile f = SafeTensorsFile.open(FOLDER.resolve("fp8_comm.safetensors"))) {
      Tensor input = f.read("qv_input"); // [B, s, P, h, D]
      Tensor packed = Float8Payload.packInput(input.permute(2, 1, 0, 3, 4).contiguous());
      assertThat(packed.equalTo(f.read("qv_packed"))).isTrue();
      Tensor numbers = Float8Payload.unpackInput(packed, DType.BFLOAT16);
      for (int slot = 0; slot < 2; slot++) {
        assertThat(
                numbers
                    .select(0, slot)
                    .permute(1, 0, 2, 3)
                    .contiguous()
                    .equalTo(f.read("qv_dequant_slot" + slot)))
            .isTrue();
      }
      Tensor out = Float8Payload.packOutput(f.read("o_input"));
      assertThat(out.equalTo(f.read("o_packed"))).isTrue();
      assertThat(Float8Payload.unpackOutput(out, DType.BFLOAT16).equalTo(f.read("o_dequant")))
          .isTrue();
      assertThat(packed.size(-1)).isEqualTo(Float8Payload.inputBytes(input.size(-1)));
      assertThat(out.size(-1)).isEqualTo(Float8Payload.outputBytes(input.size(-1)));
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
