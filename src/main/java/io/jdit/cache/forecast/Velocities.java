package io.jdit.cache.forecast;

import io.jdit.media.AtomicFile;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The velocities of one uncached run on one expert, as float32 on the CPU: one for each step and
 * branch. What does not fit into the memory that is granted lies in files.
 */
final class Velocities implements AutoCloseable {
  private final long memory;
  private final Path spill;
  private final List<List<Tensor>> byBranch = new ArrayList<>();
  private final List<Path> files = new ArrayList<>();
  private long held;

  /**
   * @param memory bytes that may be held
   * @param spill existing folder for the rest
   */
  Velocities(long memory, Path spill) {
    this.memory = memory;
    this.spill = spill;
  }

  /** Adds the next step's velocity of a branch, which is borrowed. */
  void add(int branch, Tensor velocity) {
    while (byBranch.size() <= branch) {
      byBranch.add(new ArrayList<>());
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor cpu = velocity.to(Device.CPU, DType.FLOAT32).contiguous().copy();
      held += cpu.bytes();
      Tensor kept = held <= memory ? cpu : spilled(cpu);
      scope.keep(kept);
      byBranch.get(branch).add(TensorScope.detach(kept));
    }
  }

  private Tensor spilled(Tensor cpu) {
    held -= cpu.bytes();
    Path file;
    try {
      file = Files.createTempFile(spill, "velocity", ".f32");
      files.add(file);
      AtomicFile.write(file, cpu.toBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Tensor.mapFile(file, cpu.bytes()).viewAs(DType.FLOAT32).view(cpu.shape());
  }

  int branches() {
    return byBranch.size();
  }

  /** Whether every branch has every step. */
  boolean isComplete() {
    return byBranch.stream().allMatch(b -> b.size() == steps());
  }

  int steps() {
    return byBranch.get(0).size();
  }

  Tensor get(int branch, int step) {
    return byBranch.get(branch).get(step);
  }

  /** Branch 0 with all its steps first. */
  List<Tensor> all() {
    return byBranch.stream().flatMap(List::stream).toList();
  }

  @Override
  public void close() {
    all().forEach(Tensor::close);
    byBranch.clear();
    for (Path file : files) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
