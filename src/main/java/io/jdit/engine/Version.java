package io.jdit.engine;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/** JDiT's version, as the build wrote it. */
public final class Version {
  private Version() {}

  public static String text() {
    Properties p = new Properties();
    try (InputStream in = Version.class.getResourceAsStream("/io/jdit/version.properties")) {
      p.load(in);
    } catch (IOException e) {
      throw new IllegalStateException("version.properties cannot be read", e);
    }
    return p.getProperty("version");
  }
}
