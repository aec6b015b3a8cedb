package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keys and tensor names as the quantizers write them. */
class QuantizerTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"quant_method": "bitsandbytes", "load_in_4bit": true, "_load_in_8bit": false} | bitsandbytes (4 bits)
          {"quant_method": "bitsandbytes", "load_in_8bit": true, "load_in_4bit": false} | bitsandbytes (8 bits)
          {"quant_method": "bitsandbytes_4bit"} | bitsandbytes
          {"quant_method": "gptq", "bits": 4} | gptq
          {"quant_method": "torchao", "quant_type": "int8wo"} | torchao
          {} | a program that it does not name
          """)
  void namedByTheConfiguration(String settings, String name) throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"quantization_config\": " + settings + "}");
    assertThat(Quantizer.of(folder, List.of()).orElseThrow())
        .isEqualTo(new Quantizer(name, "quantization_config in " + folder.resolve("config.json")));
  }

  @ParameterizedTest
  @CsvSource({
    "blocks.0.attn.to_q.weight.absmax, bitsandbytes (4 bits)",
    "blocks.0.attn.to_q.weight.quant_state.bitsandbytes__nf4, bitsandbytes (4 bits)",
    "encoder.block.0.layer.0.SelfAttention.q.SCB, bitsandbytes (8 bits)",
    "blocks.0.attn.to_q.qzeros, GPTQ or AWQ",
    "blocks.0.attn.to_q.wscales, SVDQuant (Nunchaku)",
    "blocks.0.attn.to_q.weight_packed, compressed-tensors",
    "blocks.0.attn.to_q.weight._data, optimum-quanto",
    "blocks.0.attn.to_q.weight_scale, a format of scaled float8 or int8 numbers",
    "scaled_fp8, a format of scaled float8 or int8 numbers",
    "blocks.0.attn.to_q.scale_weight, a format of scaled float8 or int8 numbers",
  })
  void namedByTensors(String tensor, String name) {
    assertThat(Quantizer.of(folder, List.of("blocks.0.norm.weight", tensor)).orElseThrow())
        .isEqualTo(new Quantizer(name, "tensor " + tensor));
  }

  @Test
  void namesOfPlainModelsAreNoSigns() throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"quantization_config\": null}");
    assertThat(
            Quantizer.of(
                folder,
                List.of(
                    "logit_scale",
                    "scale_shift_table",
                    "blocks.0.attn.norm_q.weight",
                    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                    "conv_in.bias")))
        .isEmpty();
  }
}
