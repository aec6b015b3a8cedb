package io.jdit.engine;

import io.jdit.checkpoint.Weights;
import io.jdit.media.AtomicFile;
import io.jdit.metrics.Trace;
import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFormat;
import io.jdit.pipeline.Strategies;
import io.jdit.report.TraceFile;
import io.jdit.report.TraceTable;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.Torch;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;

/**
 * A trace of this process's part of a run, for a file that {@code chrome://tracing} and Perfetto
 * open. It begins before a model is loaded, whose linear layers are named in it then.
 */
public final class Profile implements AutoCloseable {
  private static final String COMPRESSED = ".gz";

  private final Path file;
  private final int rank;
  private final Trace trace;

  /**
   * Begins it.
   *
   * @param file with several ranks each has one of its own: {@code a.json} becomes {@code
   *     a-rank1.json}; compressed where the name ends in .gz
   */
  public Profile(Path file, RankSession session) {
    this.file = session.ranks() == 1 ? file : ofRank(file, session.rank());
    this.rank = session.rank();
    Device device = session.device();
    this.trace = Trace.start(() -> Torch.synchronize(device));
  }

  /** The file of a rank, as cache-dit's profiler names it. */
  static Path ofRank(Path file, int rank) {
    String name = file.getFileName().toString();
    int dot = name.indexOf('.', 1);
    String stem = dot < 0 ? name : name.substring(0, dot);
    return file.resolveSibling(stem + "-rank" + rank + name.substring(stem.length()));
  }

  /** {@code strategies} whose linear layers are spans, while a profile is being made. */
  static Strategies traced(Strategies strategies) {
    return Trace.on()
        ? strategies.withFormats(component -> named(strategies.formats().of(component)))
        : strategies;
  }

  private static LinearFormat named(LinearFormat format) {
    return (w, in, out, bias) -> new NamedLinear(w, format.linear(w, in, out, bias));
  }

  /** A linear layer whose time is a span. */
  private record NamedLinear(String name, Linear layer) implements Linear {
    NamedLinear(Weights w, Linear layer) {
      this(w.prefix().substring(0, w.prefix().length() - 1), layer);
    }

    @Override
    public Tensor forward(Input x) {
      try (Trace.Span span = Trace.span(Trace.Kind.LAYER, name)) {
        return layer.forward(x);
      }
    }

    @Override
    public Tensor forwardGeluTanh(Input x) {
      try (Trace.Span span = Trace.span(Trace.Kind.LAYER, name)) {
        return layer.forwardGeluTanh(x);
      }
    }

    @Override
    public boolean takesGeluTanh() {
      return layer.takesGeluTanh();
    }

    @Override
    public int inFeatures() {
      return layer.inFeatures();
    }

    @Override
    public int outFeatures() {
      return layer.outFeatures();
    }
  }

  /**
   * The time of the steps by layer and kernel.
   *
   * @param skipped steps before those that count
   */
  public String table(int skipped) {
    return TraceTable.of(trace.events(), skipped);
  }

  /**
   * Writes the file.
   *
   * @return its path
   */
  public Path write() throws IOException {
    byte[] json = TraceFile.json(trace.events(), rank).getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, file.toString().endsWith(COMPRESSED) ? compressed(json) : json);
    return file;
  }

  private static byte[] compressed(byte[] json) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      out.write(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** Ends it; what was recorded stays. */
  @Override
  public void close() {
    trace.close();
  }
}
