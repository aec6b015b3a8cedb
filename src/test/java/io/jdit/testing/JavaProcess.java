package io.jdit.testing;

import io.jdit.parallel.SameJvm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Commands that run a class as the test's JVM would. In a build that runs all tests the options of
 * {@code ./jdit} come before its own: the jars, their class data archive and the native libraries
 * beside each other, with which a start takes half of the processor time.
 */
public final class JavaProcess {
  private static final Path START = Path.of(System.getProperty("jdit.test.start", ""));

  private JavaProcess() {}

  /** The command as a list that may be added to; {@code add(1, option)} adds an option of Java. */
  public static List<String> command(Class<?> main, String... arguments) {
    List<String> command = new ArrayList<>(SameJvm.command(main.getName(), List.of(arguments)));
    if (Files.isRegularFile(START)) {
      int classPath = command.indexOf("-cp") + 1;
      // An archive holds for class paths that begin with its own.
      command.set(classPath, jars() + command.get(classPath));
      command.add(1, "@" + START);
    }
    return command;
  }

  private static String jars() {
    try {
      List<String> options = Files.readAllLines(START);
      return options.get(options.indexOf("\"-cp\"") + 1).replace("\"", "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
