package io.jdit.cli;

import io.jdit.engine.Version;
import picocli.CommandLine.IVersionProvider;

/** What {@code --version} prints. */
final class VersionProvider implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"JDiT " + Version.text()};
  }
}
