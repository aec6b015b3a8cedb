package io.jdit.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Spec;

/**
 * Options of SGLang's command line that JDiT has no use for. All are parsed, so that a command line
 * can be moved over by replacing the program's name: those that change nothing are said to have no
 * effect, those that ask for something else are refused with the reason.
 */
final class CompatibilityOptions {
  private static final List<String> WITHOUT_EFFECT =
      List.of(
          "--backend",
          "--model-id",
          "--trust-remote-code",
          "--num-profiled-timesteps",
          "--profile-all-stages",
          "--pin-cpu-memory",
          "--sp-degree",
          "--generator-device",
          "--log-level",
          "--log-requests-level",
          "--uvicorn-access-log-exclude-prefixes",
          "--master-port",
          "--scheduler-port");

  /**
   * An option of which at most one value is taken.
   *
   * @param accepted what JDiT does anyway; null for nothing
   * @param reason why, or what does it instead
   */
  private record Fixed(String option, String accepted, String reason) {}

  private static final String TRACES =
      "JDiT sends no traces: the times of all stages are in each answer and in /metrics";
  private static final String ONE_KERNEL =
      "--attention-backend is for the transformers, text encoders and VAE use the native kernel";
  private static final String ONE_SERVER = "one server does all parts of a request";

  private static final List<Fixed> FIXED =
      List.of(
          new Fixed("--enable-metrics", "true", "/metrics is always there"),
          new Fixed("--enable-cache-report", "true", "each answer tells what the cache did"),
          new Fixed("--webui", "true", "the page is always there, at / of --port"),
          new Fixed("--webui-port", null, "the page is at / of --port"),
          new Fixed("--attention-backend-config", null, "the kernels here have no settings"),
          new Fixed("--attention-backend-override", null, ONE_KERNEL),
          new Fixed("--component-attention-backends", null, ONE_KERNEL),
          new Fixed("--bcg-text-buckets", null, "CUDA graphs are of the lengths that prompts have"),
          new Fixed("--enable-trace", "false", TRACES),
          new Fixed("--otlp-traces-endpoint", null, TRACES),
          new Fixed("--log-requests-target", null, "lines go to standard error: redirect it"),
          new Fixed("--batching-memory-reserve-fraction", null, "bound it by --batching-max-size"),
          new Fixed("--prompt-file-path", null, "jdit generate --prompt-path draws such files"),
          new Fixed("--disagg-role", "monolithic", ONE_SERVER),
          new Fixed("--encoder-urls", null, ONE_SERVER),
          new Fixed("--denoiser-urls", null, ONE_SERVER),
          new Fixed("--decoder-urls", null, ONE_SERVER),
          new Fixed("--disagg-timeout", null, ONE_SERVER));

  @Spec
  void declare(CommandSpec spec) {
    WITHOUT_EFFECT.forEach(o -> spec.addOption(option(o)));
    FIXED.forEach(f -> spec.addOption(option(f.option)));
  }

  private static OptionSpec option(String name) {
    return OptionSpec.builder(name)
        .hidden(true)
        .type(String.class)
        .arity("0..1")
        .fallbackValue("true")
        .build();
  }

  /**
   * What to say of the options of this group that stand on the command line.
   *
   * @throws IllegalArgumentException for one that is refused
   */
  List<String> notes(CommandSpec spec) {
    List<String> notes = new ArrayList<>();
    for (OptionSpec given : spec.commandLine().getParseResult().matchedOptions()) {
      String name = given.longestName();
      if (WITHOUT_EFFECT.contains(name)) {
        notes.add(name + " has no effect in JDiT");
      }
      for (Fixed fixed : FIXED) {
        if (fixed.option.equals(name)) {
          String value = given.<String>getValue().toLowerCase(Locale.ROOT);
          if (!value.equals(fixed.accepted)) {
            throw new IllegalArgumentException(
                name
                    + (fixed.accepted == null ? "" : " " + value)
                    + " is not available in JDiT: "
                    + fixed.reason);
          }
          notes.add(name + ": " + fixed.reason);
        }
      }
    }
    return notes;
  }
}
