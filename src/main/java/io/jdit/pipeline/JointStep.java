package io.jdit.pipeline;

import io.jdit.tensor.Tensor;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.Forecast;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * One denoising step of generations of one kind: the calls of each guidance branch are the rows of
 * one batch. Each generation keeps its own place in its trajectory, so rows may have different
 * timesteps; what is forecast of a generation is not computed.
 */
final class JointStep {
  private final List<Generation> generations;
  private final Generation first;
  private final int branches;

  JointStep(List<Generation> generations) {
    this.generations = generations;
    this.first = generations.get(0);
    this.branches = first.guidance().branches(first.timestep());
  }

  /** The latents of each generation after the step, in the innermost scope. */
  Tensor[] latents() {
    Tensor[][] outputs = first.oneBatch(branches) ? inOneBatch() : branchByBranch();
    Tensor[] next = new Tensor[outputs.length];
    for (int g = 0; g < next.length; g++) {
      next[g] = generations.get(g).next(outputs[g]);
    }
    return next;
  }

  /** A call and what is conditioned on. */
  private record Row(Generation generation, int branch) {
    Acceleration acceleration() {
      return generation.acceleration();
    }

    Acceleration.Call call() {
      return generation.call(branch);
    }
  }

  /** [generation][branch]: all branches of all generations in one batch. */
  private Tensor[][] inOneBatch() {
    List<Row> rows = new ArrayList<>();
    for (Generation generation : generations) {
      for (int b = 0; b < branches; b++) {
        rows.add(new Row(generation, b));
      }
    }
    Tensor[] all = outputs(rows);
    Tensor[][] outputs = new Tensor[generations.size()][];
    for (int g = 0; g < outputs.length; g++) {
      outputs[g] = Arrays.copyOfRange(all, g * branches, (g + 1) * branches);
    }
    return outputs;
  }

  /** [generation][branch]: a batch for each branch, where the ranks of that branch are. */
  private Tensor[][] branchByBranch() {
    Tensor[] joined = first.branches().run(branches, b -> join(outputs(rows(b))));
    Tensor[][] outputs = new Tensor[generations.size()][branches];
    for (int b = 0; b < branches; b++) {
      Tensor[] split = split(joined[b], rows(b));
      for (int g = 0; g < outputs.length; g++) {
        outputs[g][b] = split[g];
      }
    }
    return outputs;
  }

  private List<Row> rows(int branch) {
    return generations.stream().map(g -> new Row(g, branch)).toList();
  }

  /** Of each row: forecast, or computed together with the others. */
  private static Tensor[] outputs(List<Row> rows) {
    Tensor[] outputs = new Tensor[rows.size()];
    List<Integer> open = new ArrayList<>();
    for (int i = 0; i < outputs.length; i++) {
      Row row = rows.get(i);
      Forecast forecast = row.acceleration().forecast(row.call());
      if (forecast == null) {
        open.add(i);
      } else {
        outputs[i] = forecast.value();
      }
    }
    if (!open.isEmpty()) {
      List<Row> computed = open.stream().map(rows::get).toList();
      Tensor[] parts = split(predict(computed), computed);
      for (int i = 0; i < parts.length; i++) {
        Row row = computed.get(i);
        outputs[open.get(i)] = row.acceleration().computed(row.call(), parts[i]);
      }
    }
    return outputs;
  }

  private static Tensor predict(List<Row> rows) {
    Generation one = rows.get(0).generation();
    float[] timesteps = new float[rows.stream().mapToInt(JointStep::count).sum()];
    int filled = 0;
    for (Row row : rows) {
      Arrays.fill(timesteps, filled, filled += count(row), row.generation().timestep());
    }
    Condition condition =
        rows.size() == 1
            ? one.condition(rows.get(0).branch())
            : Condition.joined(
                rows.stream().map(r -> r.generation().condition(r.branch())).toList());
    return one.model()
        .predict(
            one.request(),
            join(rows.stream().map(r -> r.generation().latents()).toArray(Tensor[]::new)),
            condition,
            timesteps,
            one.runner());
  }

  /** Latents of a row: the outputs of its request. */
  private static int count(Row row) {
    return (int) row.generation().latents().size(0);
  }

  private static Tensor join(Tensor[] parts) {
    return parts.length == 1 ? parts[0] : Tensor.cat(0, parts);
  }

  private static Tensor[] split(Tensor joined, List<Row> rows) {
    if (rows.size() == 1) {
      return new Tensor[] {joined};
    }
    Tensor[] parts = new Tensor[rows.size()];
    int start = 0;
    for (int i = 0; i < parts.length; i++) {
      int count = count(rows.get(i));
      parts[i] = joined.narrow(0, start, count);
      start += count;
    }
    return parts;
  }

  /** Without the batch. */
  static List<Long> rowShape(Tensor tensor) {
    return LongStream.of(tensor.shape()).skip(1).boxed().toList();
  }
}
