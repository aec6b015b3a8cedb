package io.jdit.server;

import io.jdit.engine.serve.SchedulerListener;
import io.jdit.engine.serve.Task;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.IntSupplier;

/** Figures for Prometheus: the reference's quantities under its suffixes, with the prefix jdit_. */
final class ServerMetrics implements SchedulerListener {
  private static final double[] SECONDS = {
    0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500
  };

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final Counter requests =
      Counter.builder()
          .name("jdit_requests_total")
          .help("Requests that have ended, by how.")
          .labelNames("model", "status")
          .register(registry);
  private final Histogram latency =
      Histogram.builder()
          .name("jdit_request_latency_seconds")
          .help("From the request to its end.")
          .labelNames("model")
          .classicUpperBounds(SECONDS)
          .classicOnly()
          .register(registry);
  private final Histogram queued =
      Histogram.builder()
          .name("jdit_queue_time_seconds")
          .help("From the request to its begin.")
          .labelNames("model")
          .classicUpperBounds(SECONDS)
          .classicOnly()
          .register(registry);
  private final Histogram batch =
      Histogram.builder()
          .name("jdit_generation_batch_size")
          .help("Requests that took a step together.")
          .labelNames("model")
          .classicUpperBounds(1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
          .classicOnly()
          .register(registry);
  private final Histogram step =
      Histogram.builder()
          .name("jdit_step_seconds")
          .help("A denoising step, of one request or of several together.")
          .labelNames("model")
          .classicUpperBounds(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
          .classicOnly()
          .register(registry);
  private final Histogram stages =
      Histogram.builder()
          .name("jdit_stage_host_latency_seconds")
          .help("Time of a request's stages.")
          .labelNames("model", "stage")
          .classicUpperBounds(SECONDS)
          .classicOnly()
          .register(registry);
  private final Counter steps =
      Counter.builder()
          .name("jdit_denoise_steps_total")
          .help("Denoising steps: computed, or served by a cache.")
          .labelNames("model", "kind")
          .register(registry);
  private final Counter losses =
      Counter.builder()
          .name("jdit_lost_total")
          .help("Times that what computes a model was lost and made again.")
          .labelNames("model")
          .register(registry);

  /** Reads queue and work when it is asked. */
  void watch(IntSupplier waiting, IntSupplier running) {
    gauge("jdit_num_queue_reqs", "Requests that wait.", waiting);
    gauge("jdit_num_running_reqs", "Requests that have begun.", running);
    gauge(
        "jdit_memory_used_bytes",
        "Of Java's heap.",
        () ->
            (int) ((Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory()) >> 10),
        1024);
  }

  private void gauge(String name, String help, IntSupplier value) {
    gauge(name, help, value, 1);
  }

  private void gauge(String name, String help, IntSupplier value, double unit) {
    GaugeWithCallback.builder()
        .name(name)
        .help(help)
        .callback(c -> c.call(value.getAsInt() * unit))
        .register(registry);
  }

  @Override
  public void began(Task task) {
    queued
        .labelValues(task.order().model())
        .observe(Duration.between(task.created(), task.started()).toMillis() / 1e3);
  }

  @Override
  public void stepped(String model, int together, double seconds) {
    batch.labelValues(model).observe(together);
    step.labelValues(model).observe(seconds);
  }

  @Override
  public void ended(Task task) {
    String model = task.order().model();
    requests.labelValues(model, task.state().text()).inc();
    latency
        .labelValues(model)
        .observe(Duration.between(task.created(), task.ended()).toMillis() / 1e3);
    if (task.finished() != null) {
      task.finished().stages().forEach((s, ms) -> stages.labelValues(model, s).observe(ms / 1e3));
      long all = task.finished().steps().size();
      long cached = cached(task.finished().cache());
      steps.labelValues(model, "cached").inc(cached);
      steps.labelValues(model, "computed").inc(Math.max(0, all - cached));
    }
  }

  /** Steps that the first block group took from its cache. */
  private static long cached(Map<String, Object> cache) {
    return cache.get("contexts") instanceof List<?> list
            && !list.isEmpty()
            && list.get(0) instanceof Map<?, ?> first
            && first.get("cached_steps") instanceof List<?> steps
        ? steps.size()
        : 0;
  }

  @Override
  public void lost(String model, String reason) {
    losses.labelValues(model).inc();
  }

  /** All figures in Prometheus' text format. */
  byte[] text() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      PrometheusTextFormatWriter.create().write(out, registry.scrape());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  static String contentType() {
    return PrometheusTextFormatWriter.CONTENT_TYPE;
  }
}
