package io.jdit.cli;

import io.jdit.engine.Profile;
import io.jdit.engine.RankSession;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Whether a run is traced, and where to. */
final class ProfileOptions {
  private static final String FILE = "jdit.trace.json.gz";

  @Option(
      names = "--profile",
      arity = "0..1",
      fallbackValue = FILE,
      paramLabel = "FILE",
      description =
          "Write a trace of stages, steps, blocks, layers and kernels for chrome://tracing and Perfetto; of several"
              + " ranks FILE-rank0, FILE-rank1, ... The run takes longer on a GPU. Without FILE: ${FALLBACK-VALUE}.")
  Path file;

  private Profile profile; // while one is being made

  /** Does {@code work}, with a trace of it when one is asked for. */
  int around(RankSession session, Terminal terminal, Ranks.Work work) throws Exception {
    if (file == null) {
      return work.run(session);
    }
    OutputOptions.requireWritableParent("--profile", file);
    try (Profile made = new Profile(file, session)) {
      profile = made;
      int code = work.run(session);
      terminal.info("profile: %s", made.write());
      return code;
    }
  }

  /**
   * The time of the steps by kernel and layer, inside {@link #around}; empty without a profile.
   *
   * @param skipped first steps that do not count
   */
  String table(int skipped) {
    return profile == null ? "" : profile.table(skipped);
  }
}
