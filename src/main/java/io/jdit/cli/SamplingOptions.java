package io.jdit.cli;

import io.jdit.pipeline.GenerationRequest;
import io.jdit.engine.batch.BadLine;
import io.jdit.engine.batch.BatchDefaults;
import io.jdit.engine.batch.BatchFile;
import io.jdit.engine.batch.BatchItem;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** What is drawn, and how. */
final class SamplingOptions {
  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "What to draw. Repeat it for several pictures.")
  List<String> prompts = new ArrayList<>();

  @Option(
      names = "--prompt-path",
      paramLabel = "FILE",
      description = "A text file with one prompt per line.")
  Path promptPath;

  @Option(
      names = "--prompt-2",
      paramLabel = "TEXT",
      description = "Prompt of the second text encoder. Default: the prompt.")
  String prompt2;

  @Option(
      names = "--negative-prompt",
      paramLabel = "TEXT",
      description = "What to stay away from; works with --true-cfg-scale above 1.")
  String negativePrompt;

  @Option(
      names = "--negative-prompt-2",
      paramLabel = "TEXT",
      description = "Negative prompt of the second text encoder. Default: the negative prompt.")
  String negativePrompt2;

  @Option(
      names = "--true-cfg-scale",
      paramLabel = "S",
      description =
          "Classifier-free guidance with two transformer calls per step; 1 is off. Default: the model's.")
  Double trueCfgScale;

  @Option(
      names = "--guidance-scale",
      paramLabel = "S",
      description = "Guidance that distilled models take as an input. Default: the model's.")
  Double guidanceScale;

  @Option(names = "--height", paramLabel = "PIXELS", description = "Default: the model's.")
  Integer height;

  @Option(names = "--width", paramLabel = "PIXELS", description = "Default: the model's.")
  Integer width;

  @Option(
      names = "--num-inference-steps",
      paramLabel = "N",
      description = "Denoising steps. Default: the model's.")
  Integer steps;

  @Option(
      names = "--seed",
      paramLabel = "N[,N...]",
      split = ",",
      defaultValue = "1024",
      description =
          "Seed of the noise, the same picture as diffusers for the same number; a list makes one picture per seed. Default: ${DEFAULT-VALUE}.")
  List<Long> seeds;

  @Option(
      names = {"--num-outputs-per-prompt", "--num-images-per-prompt"},
      paramLabel = "N",
      defaultValue = "1",
      description = "Pictures of each prompt. Default: ${DEFAULT-VALUE}.")
  int outputs;

  @Option(
      names = "--max-sequence-length",
      paramLabel = "N",
      description = "Tokens of the prompt that are used. Default: the model's.")
  Integer maxSequenceLength;

  /**
   * The requests, in order: every prompt with every seed.
   *
   * @throws IllegalArgumentException without a prompt, or when the prompt file cannot be read or
   *     one of its lines cannot be run
   */
  List<GenerationRequest> requests() {
    if (promptPath != null) {
      BatchFile file = batch(null);
      for (BadLine bad : file.badLines()) {
        throw new IllegalArgumentException(
            promptPath + " line " + bad.line() + ": " + bad.problem());
      }
      return file.items().stream().map(BatchItem::request).toList();
    }
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("nothing to draw: give --prompt or --prompt-path");
    }
    checkSeeds();
    List<GenerationRequest> requests = new ArrayList<>();
    for (String prompt : prompts) {
      for (long seed : seeds) {
        requests.add(request(prompt, seed));
      }
    }
    return requests;
  }

  /**
   * The prompt file.
   *
   * @param fileName plain name that the line number is put into; null for the prompt's words
   * @throws IllegalArgumentException when it cannot be read
   */
  BatchFile batch(String fileName) {
    if (!prompts.isEmpty()) {
      throw new IllegalArgumentException(
          "--prompt and --prompt-path exclude each other: write the prompt into the file");
    }
    checkSeeds();
    return BatchFile.read(promptPath, new BatchDefaults(request("", 0), seeds, fileName));
  }

  private void checkSeeds() {
    if (seeds.size() > 1 && outputs > 1 && outputs != seeds.size()) {
      throw new IllegalArgumentException(
          "--seed has "
              + seeds.size()
              + " values and --num-outputs-per-prompt is "
              + outputs
              + ": a list of seeds makes one picture each");
    }
  }

  private GenerationRequest request(String prompt, long seed) {
    return GenerationRequest.of(prompt)
        .prompt2(prompt2)
        .negativePrompt(negativePrompt)
        .negativePrompt2(negativePrompt2)
        .trueCfgScale(trueCfgScale)
        .guidanceScale(guidanceScale)
        .height(height)
        .width(width)
        .steps(steps)
        .seed(seed)
        .images(seeds.size() > 1 ? 1 : outputs)
        .maxSequenceLength(maxSequenceLength)
        .build();
  }
}
