package io.jdit.parallel;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps native libraries from writing to the standard output: Gloo reports every connection there.
 */
public final class StandardOutput {
  private static final Path SELF = Path.of("/proc/self/fd/1");

  private StandardOutput() {}

  /**
   * Gives {@link System#out} a descriptor of its own and sends the process's descriptor 1 to
   * /dev/null. Call it first: whoever holds the old {@code System.out} writes into nothing.
   *
   * <p>Where the output cannot be opened a second time, all stays as it is.
   */
  public static void reserveForJava() {
    OutputStream own;
    try {
      own = Files.newOutputStream(SELF, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
    } catch (IOException | UnsupportedOperationException e) {
      return;
    }
    System.setOut(new PrintStream(own, true, StandardCharsets.UTF_8));
    try {
      // The JDK never closes descriptors 0 to 2: it points them to /dev/null.
      new FileOutputStream(FileDescriptor.out).close();
    } catch (IOException e) {
      System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true));
    }
  }
}
