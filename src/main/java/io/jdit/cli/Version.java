package io.jdit.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** JDiT's version, as the build wrote it. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"JDiT " + text()};
  }

  static String text() {
    Properties p = new Properties();
    try (InputStream in = Version.class.getResourceAsStream("/io/jdit/version.properties")) {
      p.load(in);
    } catch (IOException e) {
      throw new IllegalStateException("version.properties cannot be read", e);
    }
    return p.getProperty("version");
  }
}
