package io.jdit.cli;

import io.jdit.attention.BuiltInKernel;
import io.jdit.checkpoint.HubReport;
import io.jdit.engine.Version;
import io.jdit.kernels.NativeLibraries;
import io.jdit.metrics.ControlGroup;
import io.jdit.metrics.Memory;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.CudaLibraries;
import io.jdit.tensor.CudaSupport;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.LibraryLoadException;
import io.jdit.tensor.NvidiaDriver;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.tensor.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code jdit doctor}: what this machine has, and what a run would miss. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    description =
        "Checks Java, natives, CUDA libraries, memory and threads. Exit code 1 when a run would fail.")
final class DoctorCommand implements Callable<Integer> {
  private static final List<String> CPU_FLAGS =
      List.of(
          "avx2",
          "fma",
          "f16c",
          "avx_vnni",
          "avx512f",
          "avx512_bf16",
          "avx512_fp16",
          "avx512_vnni",
          "amx_bf16",
          "amx_int8");

  @Option(
      names = "--kernels",
      description =
          "Run every kernel on the device, against the same with tensor operators, and time it.")
  private boolean kernels;

  @Option(
      names = "--device",
      defaultValue = "auto",
      description = "Of --kernels: cpu, cuda, cuda:N or auto. Default: ${DEFAULT-VALUE}.")
  private String device;

  @Option(
      names = "--verbose",
      description = "Print LibTorch's own description of its build, and stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  private PrintWriter out;
  private boolean failed;

  @Override
  public Integer call() throws Exception {
    out = spec.commandLine().getOut();
    line("JDiT", Version.text());
    line(
        "Java",
        System.getProperty("java.vm.name")
            + " "
            + System.getProperty("java.vm.version")
            + ", "
            + System.getProperty("java.home"));
    if (Runtime.version().feature() < 17) {
      problem("Java 17 or newer is needed");
    }
    line(
        "System",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + " "
            + System.getProperty("os.arch"));
    line("CPU", Runtime.getRuntime().availableProcessors() + " cores, " + cpuFlags());
    if (!"0".equals(System.getProperty("org.bytedeco.javacpp.maxPhysicalBytes"))) {
      problem(
          "start Java with -Dorg.bytedeco.javacpp.maxPhysicalBytes=0, else large models end in OutOfMemoryError");
    }
    libTorch();
    line(
        "Memory",
        String.format(Locale.ROOT, "%.1f GB free for new allocations", Memory.available() / 1e9));
    line("Control groups", limits(ControlGroup.ofProcess()));
    line("Locale", locale());
    HubReport.of(System.getenv()).forEach(this::line);
    line("Environment", environment());
    if (kernels && !KernelTable.print(Device.parse(device), out)) {
      problem("a kernel gives other values than its twin");
    }
    out.println(failed ? "A run would fail: see the lines marked with !" : "Ready to run.");
    return failed ? ExitCode.FAILED : ExitCode.OK;
  }

  private void libTorch() {
    try {
      Torch.load();
    } catch (LibraryLoadException e) {
      problem(e.getMessage());
      if (CudaSupport.isBuilt()) {
        libraries();
      }
      return;
    }
    line(
        "LibTorch",
        Torch.version()
            + (CudaSupport.isBuilt() ? ", CUDA build, from " : ", CPU build, from ")
            + loadedFrom("libtorch_cpu.so"));
    line("OpenBLAS", loadedFrom("libopenblas"));
    line("OpenMP", loadedFrom("libgomp") + ", " + Torch.threads() + " threads");
    NativeLibraries.Status cpu = NativeLibraries.cpu();
    line(
        "CPU kernels",
        cpu.detail() + (cpu.loaded() ? " from " + loadedFrom("libjdit_kernels.so") : ""));
    line("CUDA kernels", NativeLibraries.cuda().detail());
    try (TensorScope scope = TensorScope.open()) {
      Tensor a = Tensor.full(2, DType.FLOAT32, Device.CPU, 8, 8);
      if (a.matmul(a).toFloats()[0] != 32) {
        problem("LibTorch computes wrong matrix products on this processor");
      }
    }
    attention();
    cuda();
    if (verbose) {
      out.println(Torch.buildInfo());
    }
  }

  /** Which kernels {@code --attention-backend} has a choice of here. */
  private void attention() {
    Device place = Torch.cudaDevices() > 0 ? Device.parse("cuda:0") : Device.CPU;
    DType dtype = Strategies.on(place).dtype();
    List<String> there = new ArrayList<>();
    for (BuiltInKernel kernel : BuiltInKernel.values()) {
      Optional<String> obstacle = kernel.trial(place, dtype);
      if (obstacle.isEmpty()) {
        there.add(kernel.toString());
      } else if (verbose || place.isCuda()) {
        line("  " + kernel, obstacle.get());
      }
    }
    line("Attention on " + place, String.join(", ", there));
  }

  private void cuda() {
    int devices = Torch.cudaDevices();
    boolean built = CudaSupport.isBuilt();
    Optional<NvidiaDriver> driver = NvidiaDriver.installed();
    line(
        "CUDA",
        devices > 0
            ? devices + " devices"
            : "no devices, runs use the CPU: " + CudaSupport.absence());
    driver.ifPresent(
        d ->
            line(
                "NVIDIA driver",
                d.version()
                    + (d.isTooOld()
                        ? ", CUDA 13 needs " + NvidiaDriver.OLDEST_BRANCH + " or newer"
                        : "")));
    for (NvidiaSmi.Gpu gpu : NvidiaSmi.gpus()) {
      line(
          "GPU " + gpu.index(),
          gpu.name() + ", compute capability " + gpu.capability() + ", " + gpu.memory());
      if (built && gpu.isTooOld()) {
        problem(
            "GPU "
                + gpu.index()
                + " is too old: LibTorch's CUDA build needs compute capability "
                + NvidiaSmi.Gpu.OLDEST
                + " or newer");
      }
    }
    if (built && devices == 0 && driver.isPresent()) {
      problem("--device cuda does not work: see CUDA above");
    }
    if (built) {
      libraries();
    }
  }

  /** Where the CUDA libraries are, or which packages have them. */
  private void libraries() {
    Map<CudaLibraries.Library, String> missing =
        CudaLibraries.missing().stream()
            .collect(
                Collectors.toMap(CudaLibraries.Missing::library, CudaLibraries.Missing::reason));
    for (CudaLibraries.Library library : CudaLibraries.NEEDED) {
      String reason = missing.get(library);
      line(
          "  " + library.soname(),
          reason == null
              ? loadedFrom(library.soname())
              : (reason.isEmpty() ? "missing" : reason)
                  + ": Debian package "
                  + library.debian()
                  + " or Python wheel "
                  + library.wheel());
    }
  }

  private static String cpuFlags() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      String flags = lines.filter(l -> l.startsWith("flags")).findFirst().orElse("") + " ";
      return CPU_FLAGS.stream()
          .filter(f -> flags.contains(" " + f + " "))
          .collect(Collectors.joining(" "));
    } catch (IOException e) {
      return "features unknown";
    }
  }

  private static String loadedFrom(String library) {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines
          .filter(l -> l.contains("/") && l.substring(l.lastIndexOf('/') + 1).startsWith(library))
          .map(l -> l.substring(l.indexOf('/')))
          .findFirst()
          .orElse("not loaded");
    } catch (IOException e) {
      return "an unknown place";
    }
  }

  private static String limits(ControlGroup group) {
    List<String> limits = new ArrayList<>();
    group
        .availableMemory()
        .ifPresent(b -> limits.add(String.format(Locale.ROOT, "%.1f GB of memory left", b / 1e9)));
    group
        .processors()
        .ifPresent(n -> limits.add(String.format(Locale.ROOT, "a quota of %.1f processors", n)));
    return limits.isEmpty() ? "no limits" : String.join(", ", limits);
  }

  private static String locale() {
    String encoding = System.getProperty("sun.jnu.encoding");
    return "arguments and file names are read as "
        + encoding
        + ("UTF-8".equals(encoding) ? "" : ", other text is refused: set LC_ALL=C.UTF-8");
  }

  private static String environment() {
    String set =
        Stream.of(
                "OMP_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
                "LD_LIBRARY_PATH",
                "CUDA_VISIBLE_DEVICES")
            .filter(v -> System.getenv(v) != null)
            .map(v -> v + "=" + System.getenv(v))
            .collect(Collectors.joining(" "));
    return set.isEmpty() ? "nothing set that matters" : set;
  }

  private void line(String what, String value) {
    out.printf("  %-22s %s%n", what, value);
  }

  private void problem(String text) {
    failed = true;
    out.println("! " + text);
  }
}
