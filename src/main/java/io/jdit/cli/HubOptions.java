package io.jdit.cli;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.engine.ModelLocator;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import picocli.CommandLine.Option;

/** Which files of a model are meant, and whether they may be fetched. */
final class HubOptions {
  @Option(
      names = "--revision",
      paramLabel = "REV",
      description = "Branch, tag or commit of a model on the hub.")
  String revision;

  @Option(
      names = "--model-variant",
      paramLabel = "NAME",
      description =
          "Weights such as fp16, of the parts that have them. Default: those without a variant, or the only one.")
  String modelVariant;

  @Option(names = "--offline", description = "Never use the network, as with HF_HUB_OFFLINE=1.")
  boolean offline;

  private final Set<String> said = new HashSet<>();

  /** The folder that {@code path} means; downloads it when it is on the hub and not here. */
  Path find(String path, Terminal terminal) {
    try (DownloadDisplay display = new DownloadDisplay(terminal)) {
      return ModelLocator.locate(path, revision, modelVariant, offline, System.getenv(), display);
    }
  }

  /** As {@link #find}; a variant that is taken because there is no other is said once. */
  Path locate(String path, Terminal terminal) {
    Path folder = find(path, terminal);
    if (modelVariant == null && said.add(path)) {
      ModelFolder.impliedVariants(folder)
          .forEach(v -> terminal.info("%s has weights in the variant %s only", path, v));
    }
    return folder;
  }

  /** The variant that was asked for; empty for none. */
  String variant() {
    return modelVariant == null ? "" : modelVariant;
  }
}
