package io.jdit.cache;

import io.jdit.transformer.BlockGroup;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/** Decisions and buffers of one block group in one generation. */
final class GroupCache implements AutoCloseable {
  private final String expert;
  private final BlockGroup<?> group;
  private final CacheContext context;
  private final SpanBuffers[] conditional;
  private final SpanBuffers[] unconditional;

  /**
   * @param spans parts of the group that are skipped independently
   */
  GroupCache(String expert, BlockGroup<?> group, CacheConfig config, int spans) {
    this.expert = expert;
    this.group = group;
    this.context = new CacheContext(config);
    this.conditional = new SpanBuffers[spans];
    this.unconditional = new SpanBuffers[spans];
    fill(config);
  }

  private void fill(CacheConfig config) {
    for (int i = 0; i < conditional.length; i++) {
      conditional[i] = new SpanBuffers(config.calibrator(), group.pattern());
      unconditional[i] = new SpanBuffers(config.calibrator(), group.pattern());
    }
  }

  /** Starts a call; call before {@link #begin}. */
  void select() {
    if (context.select()) {
      close();
      fill(context.config());
    }
  }

  /** Counts the call and returns the buffers of its branch. */
  SpanBuffers[] begin() {
    context.begin();
    SpanBuffers[] spans = context.isCfgCall() ? unconditional : conditional;
    for (SpanBuffers span : spans) {
      span.mark();
    }
    return spans;
  }

  CacheContext context() {
    return context;
  }

  /** Bytes of all buffers, shared memory counted once. */
  long bytes() {
    Map<Long, Long> byAddress = new HashMap<>();
    Stream.of(conditional, unconditional)
        .flatMap(Stream::of)
        .flatMap(SpanBuffers::held)
        .filter(Objects::nonNull)
        .forEach(t -> byAddress.merge(t.address(), t.bytes(), Math::max));
    return byAddress.values().stream().mapToLong(Long::longValue).sum();
  }

  CacheStatistics statistics() {
    return CacheStatistics.of(expert, group, context);
  }

  /** Frees the buffers; the records stay. */
  @Override
  public void close() {
    Stream.of(conditional, unconditional).flatMap(Stream::of).forEach(SpanBuffers::close);
  }
}
