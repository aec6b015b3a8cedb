package io.jdit.parallel;

import io.jdit.attention.Attention;
import io.jdit.attention.AttentionCall;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * Attention over tokens that are spread over ranks (DeepSpeed Ulysses): an all-to-all gives every
 * rank some heads of all tokens, the inner attention runs on them, and a second all-to-all returns
 * the output to the ranks of the tokens. Token counts and heads need not divide (Ulysses Anything).
 */
final class Ulysses implements Attention {
  private final ProcessGroup group;
  private final Supplier<long[]> tokenCounts;
  private final Attention inner;
  private final boolean float8;
  private final boolean async;

  /**
   * @param tokenCounts tokens of each rank of the group in the sample in work
   * @param float8 send query, value and output as float8
   * @param async send each operand as soon as it is there
   */
  Ulysses(
      ProcessGroup group,
      Supplier<long[]> tokenCounts,
      Attention inner,
      boolean float8,
      boolean async) {
    this.group = group;
    this.tokenCounts = tokenCounts;
    this.inner = inner;
    this.float8 = float8;
    this.async = async;
  }

  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v) {
    try (TensorScope scope = TensorScope.open()) {
      Call call = new Call();
      call.query(q);
      call.key(k);
      call.value(v);
      return scope.keep(call.start().await());
    }
  }

  @Override
  public AttentionCall begin() {
    return async ? new Call() : Attention.super.begin();
  }

  /** An operand on its way: the exchange and how its bytes are read. */
  private record Sent(Work work, Tensor buffer, Tensor received, boolean packed, DType dtype) {
    /** Waits and returns the numbers. */
    Tensor await() {
      work.await();
      buffer.close();
      if (!packed) {
        return received;
      }
      Tensor numbers = Float8Payload.unpackInput(received, dtype);
      received.close();
      return numbers;
    }
  }

  private final class Call implements AttentionCall {
    private HeadExchange exchange;
    private long[] counts;
    private Sent q;
    private Sent k;
    private Sent v;

    @Override
    public void query(Tensor tensor) {
      q = send(tensor, float8);
    }

    @Override
    public void key(Tensor tensor) {
      k = send(tensor, false);
    }

    @Override
    public void value(Tensor tensor) {
      v = send(tensor, float8);
    }

    private Sent send(Tensor x, boolean pack) {
      if (exchange == null) {
        prepare(x);
      }
      try (TensorScope scope = TensorScope.open()) {
        Tensor heads = exchange.packHeads(x);
        Tensor buffer = (pack ? Float8Payload.packInput(heads) : heads).flatten(0, 1);
        Tensor received =
            Tensor.empty(
                buffer.dtype(), x.device(), total(), x.size(0), buffer.size(2), buffer.size(3));
        Work work = group.allToAll(buffer, mine(), received, counts);
        return new Sent(work, scope.keep(buffer), scope.keep(received), pack, x.dtype());
      }
    }

    private void prepare(Tensor x) {
      counts = tokenCounts.get();
      if (counts[group.rank()] != x.size(1)) {
        throw new IllegalStateException(
            "Ulysses expects "
                + counts[group.rank()]
                + " tokens on rank "
                + group.rank()
                + ", found "
                + x);
      }
      exchange =
          new HeadExchange(HeadPadding.of(Math.toIntExact(x.size(2)), group.size()), group.rank());
    }

    private long total() {
      return Arrays.stream(counts).sum();
    }

    /** My tokens, once for every rank. */
    private long[] mine() {
      long[] rows = new long[counts.length];
      Arrays.fill(rows, counts[group.rank()]);
      return rows;
    }

    @Override
    public Result start() {
      try (TensorScope scope = TensorScope.open()) {
        Tensor value = exchange.unpackHeads(v.await());
        Tensor query = exchange.unpackHeads(q.await());
        Tensor key = exchange.unpackHeads(k.await());
        DType dtype = query.dtype();
        Tensor tokens = exchange.packTokens(inner.forward(query, key, value));
        Tensor buffer = float8 ? Float8Payload.packOutput(tokens) : tokens;
        Tensor received =
            Tensor.empty(
                buffer.dtype(),
                buffer.device(),
                counts.length * counts[group.rank()],
                buffer.size(1),
                buffer.size(2),
                buffer.size(3));
        Work work = group.allToAll(buffer, counts, received, mine());
        scope.keep(buffer);
        scope.keep(received);
        return () -> finish(work, buffer, received, dtype);
      }
    }

    private Tensor finish(Work work, Tensor buffer, Tensor received, DType dtype) {
      work.await();
      buffer.close();
      try (TensorScope scope = TensorScope.open()) {
        Tensor numbers = float8 ? Float8Payload.unpackOutput(received, dtype) : received;
        Tensor pieces =
            numbers.view(
                counts.length,
                counts[group.rank()],
                numbers.size(1),
                numbers.size(2),
                numbers.size(3));
        return scope.keep(exchange.unpackTokens(pieces));
      } finally {
        received.close();
      }
    }
  }
}
