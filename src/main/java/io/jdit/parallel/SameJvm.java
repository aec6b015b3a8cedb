package io.jdit.parallel;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Commands that run a class in a JVM like this one: its options, its class path. */
public final class SameJvm {
  /** The class path of an installation, whose class data archive holds for these names only. */
  private static final Pattern DESCRIPTOR = Pattern.compile("(/proc/self/fd/(\\d))/");

  private SameJvm() {}

  public static List<String> command(String mainClass, List<String> arguments) {
    String classPath = System.getProperty("java.class.path");
    List<String> command = new ArrayList<>(opening(classPath));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.add("-cp");
    command.add(classPath);
    command.add(mainClass);
    command.addAll(arguments);
    return command;
  }

  /** What opens the folder that a class path names by a descriptor: Java passes none on. */
  private static List<String> opening(String classPath) {
    Matcher descriptor = DESCRIPTOR.matcher(classPath);
    if (!descriptor.lookingAt()) {
      return List.of();
    }
    try {
      String folder = Path.of(descriptor.group(1)).toRealPath().toString();
      return List.of("sh", "-c", "exec " + descriptor.group(2) + "<\"$0\" && exec \"$@\"", folder);
    } catch (IOException e) {
      throw new IllegalStateException("the folder of " + classPath + " is gone", e);
    }
  }
}
