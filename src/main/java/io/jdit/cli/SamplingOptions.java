package io.jdit.cli;

import io.jdit.config.Values;
import io.jdit.engine.batch.BadLine;
import io.jdit.engine.batch.BatchDefaults;
import io.jdit.engine.batch.BatchFile;
import io.jdit.engine.batch.BatchItem;
import io.jdit.media.OutputKind;
import io.jdit.pipeline.RequestKeys;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What is drawn, and how: the request's parameters, and lists of prompts and seeds. */
final class SamplingOptions {
  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "What to draw. Repeat it for several pictures.")
  List<String> prompts = new ArrayList<>();

  @Option(
      names = "--prompt-path",
      paramLabel = "FILE",
      description =
          "A text file with one prompt per line, or .jsonl with an object of parameters per line.")
  Path promptPath;

  @Option(
      names = "--seed",
      paramLabel = "N[,N...]",
      hideParamSyntax = true, // the label says it
      split = ",",
      converter = SeedConverter.class,
      defaultValue = "1024",
      description =
          "Seed of the noise, the same picture as diffusers for the same number; a list makes one picture per seed. Default: ${DEFAULT-VALUE}.")
  List<BigInteger> seeds;

  private static final class SeedConverter implements ITypeConverter<BigInteger> {
    @Override
    public BigInteger convert(String text) {
      return CatalogOptions.convert(RequestKeys.SEED, text);
    }
  }

  private final CatalogOptions parameters = new CatalogOptions();

  @Spec
  void declare(CommandSpec spec) {
    parameters.addTo(spec, RequestKeys.ALL.keys());
  }

  /**
   * The requests, in order: every prompt with every seed.
   *
   * @throws IllegalArgumentException without a prompt, or when the prompt file cannot be read or
   *     one of its lines cannot be run
   */
  List<Values> requests() {
    if (promptPath != null) {
      BatchFile file = batch(null, null);
      for (BadLine bad : file.badLines()) {
        throw new IllegalArgumentException(bad.of(promptPath));
      }
      return file.items().stream().map(BatchItem::request).toList();
    }
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("nothing to draw: give --prompt or --prompt-path");
    }
    Values shared = shared();
    List<Values> requests = new ArrayList<>();
    for (String prompt : prompts) {
      for (BigInteger seed : seeds) {
        requests.add(shared.with(RequestKeys.PROMPT, prompt).with(RequestKeys.SEED, seed));
      }
    }
    return requests;
  }

  /**
   * The prompt file.
   *
   * @param fileName plain name that the line number is put into; null for the prompt's words
   * @param kind of the files; null when it is not known yet
   * @throws IllegalArgumentException when it cannot be read
   */
  BatchFile batch(String fileName, OutputKind kind) {
    if (!prompts.isEmpty()) {
      throw new IllegalArgumentException(
          "--prompt and --prompt-path exclude each other: write the prompt into the file");
    }
    return BatchFile.read(promptPath, new BatchDefaults(shared(), seeds, fileName, kind));
  }

  /** What all requests have: several seeds make one picture each. */
  private Values shared() {
    int outputs = parameters.given().get(RequestKeys.NUM_OUTPUTS_PER_PROMPT);
    if (seeds.size() > 1 && outputs > 1 && outputs != seeds.size()) {
      throw new IllegalArgumentException(
          "--seed has "
              + seeds.size()
              + " values and --num-outputs-per-prompt is "
              + outputs
              + ": a list of seeds makes one picture each");
    }
    return seeds.size() > 1
        ? parameters.given().without(RequestKeys.NUM_OUTPUTS_PER_PROMPT)
        : parameters.given();
  }
}
