package io.jdit.cli;

import io.jdit.engine.FailureText;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** Entry point of {@code jdit}. */
@Command(
    name = "jdit",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    description = "Diffusion Transformers on the JVM.")
public final class Main implements Callable<Integer> {
  /** In the order of the help. */
  private static final Map<String, Supplier<Object>> COMMANDS = new LinkedHashMap<>();

  static {
    COMMANDS.put("generate", GenerateCommand::new);
    COMMANDS.put("serve", ServeCommand::new);
    COMMANDS.put("inspect", InspectCommand::new);
    COMMANDS.put("quantize", QuantizeCommand::new);
    COMMANDS.put("cache", CacheCommand::new);
    COMMANDS.put("compare", CompareCommand::new);
    COMMANDS.put("parallel", ParallelCommand::new);
    COMMANDS.put("tune", TuneCommand::new);
    COMMANDS.put("bench", BenchCommand::new);
    COMMANDS.put("doctor", DoctorCommand::new);
  }

  /** What Java puts for bytes that it cannot decode. */
  private static final char UNREADABLE = '\uFFFD';

  @Spec private CommandSpec spec;

  /** Without a command: what there is. */
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getOut());
    return ExitCode.OK;
  }

  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT); // what is printed is the same everywhere
    System.exit(run(args));
  }

  /** Runs a command line and returns the exit code. */
  static int run(String... args) {
    CommandLine cli = commandLine(args);
    for (String argument : args) {
      if (argument.indexOf(UNREADABLE) >= 0) {
        cli.getErr().println("jdit: " + notUtf8(argument));
        return ExitCode.USAGE;
      }
    }
    int code;
    try {
      code = cli.execute(args);
    } catch (Error e) { // picocli passes them on: memory, or a library that is not there
      code = failed(cli, e, args);
    }
    if (cli.getOut().checkError() && code == ExitCode.OK) {
      cli.getErr().println("jdit: standard output cannot be written: the disk is full or closed");
      return ExitCode.FAILED;
    }
    return code;
  }

  /** Drawing it would give another picture. */
  private static String notUtf8(String argument) {
    String encoding = System.getProperty("sun.jnu.encoding");
    return "argument '"
        + argument
        + "' has bytes that are not text in "
        + encoding
        + (encoding.equals("UTF-8")
            ? ": write it in UTF-8"
            : ": set LC_ALL to a locale with UTF-8, for example C.UTF-8");
  }

  /**
   * The command that the arguments begin with, or all: describing the options of all takes longer
   * than some commands do.
   */
  static CommandLine commandLine(String... args) {
    CommandLine cli = new CommandLine(new Main());
    if (args.length > 0 && COMMANDS.containsKey(args[0])) {
      add(cli, args[0]);
    } else {
      COMMANDS.keySet().forEach(name -> add(cli, name));
    }
    cli.setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8));
    cli.setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8));
    cli.setExpandAtFiles(false); // a prompt may begin with @
    cli.setCaseInsensitiveEnumValuesAllowed(true);
    cli.setParameterExceptionHandler(Main::wrongUsage);
    cli.setExecutionExceptionHandler(
        (failure, command, parsed) ->
            failed(command, failure, parsed.originalArgs().toArray(String[]::new)));
    return cli;
  }

  /** As a command line of its own: model transformers are applied to such ones only. */
  private static void add(CommandLine cli, String name) {
    cli.addSubcommand(name, new CommandLine(COMMANDS.get(name).get()));
  }

  private static int failed(CommandLine command, Throwable failure, String[] args) {
    boolean verbose = List.of(args).contains("--verbose");
    if (verbose) {
      failure.printStackTrace(command.getErr());
    }
    command.getErr().println("jdit: " + FailureText.of(failure));
    if (!verbose && ExitCode.of(failure) == ExitCode.FAILED) {
      command.getErr().println("jdit: run again with --verbose for the stack trace");
    }
    return ExitCode.of(failure);
  }

  private static int wrongUsage(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    StringBuilder line = new StringBuilder("jdit: ").append(FailureText.of(e));
    if (e instanceof UnmatchedArgumentException unmatched) {
      List<String> near = unmatched.getSuggestions();
      if (!near.isEmpty()) {
        line.append("; did you mean ").append(String.join(", ", near)).append("?");
      }
    }
    line.append(" (see ").append(command.getCommandSpec().qualifiedName()).append(" --help)");
    command.getErr().println(line);
    return ExitCode.USAGE;
  }
}
