package io.jdit.parallel;

import io.jdit.attention.Attention;
import io.jdit.attention.AttentionCall;
import io.jdit.attention.Tokens;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;

/**
 * Attention over tokens that are spread over ranks (DeepSpeed Ulysses): an all-to-all gives every
 * rank some heads of all tokens, the inner attention runs on them, and a second all-to-all returns
 * the output to the ranks of the tokens. Token counts and heads need not divide (Ulysses Anything).
 */
final class Ulysses implements Attention {
  private final ProcessGroup group;
  private final int ringRank;
  private final Attention inner;
  private final Payload input;
  private final Payload output;
  private final boolean async;

  /**
   * @param ringRank place of the group's tokens among those of all Ulysses groups
   * @param float8 send query, value and output as float8
   * @param async send each operand as soon as it is there
   */
  Ulysses(ProcessGroup group, int ringRank, Attention inner, boolean float8, boolean async) {
    this.group = group;
    this.ringRank = ringRank;
    this.inner = inner;
    this.input = float8 ? Payload.FLOAT8_INPUT : Payload.NUMBERS;
    this.output = float8 ? Payload.FLOAT8_OUTPUT : Payload.NUMBERS;
    this.async = async;
  }

  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens) {
    try (TensorScope scope = TensorScope.open()) {
      Call call = new Call(tokens);
      call.query(q);
      call.key(k);
      call.value(v);
      return scope.keep(call.start().await());
    }
  }

  @Override
  public AttentionCall begin(Tokens tokens) {
    return async ? new Call(tokens) : Attention.super.begin(tokens);
  }

  @Override
  public Attention local() {
    return inner.local();
  }

  /** An operand on its way. */
  private record Sent(
      Work work, Tensor buffer, Tensor received, Payload payload, DType dtype, long dim) {
    /** Waits and returns [B, S, heads computed here, D]. */
    Tensor await(HeadExchange exchange) {
      work.await();
      buffer.close();
      Tensor heads = exchange.unpackHeads(received, payload, dtype, dim);
      received.close();
      return heads;
    }
  }

  private final class Call implements AttentionCall {
    private final Tokens tokens;
    private final long[] counts; // tokens of each rank of the group
    private HeadExchange exchange;
    private Sent q;
    private Sent k;
    private Sent v;

    Call(Tokens tokens) {
      this.tokens = tokens;
      int first = ringRank * group.size();
      counts = Arrays.copyOfRange(tokens.counts(), first, first + group.size());
    }

    @Override
    public void query(Tensor tensor) {
      q = send(tensor, input);
    }

    @Override
    public void key(Tensor tensor) {
      k = send(tensor, Payload.NUMBERS);
    }

    @Override
    public void value(Tensor tensor) {
      v = send(tensor, input);
    }

    private Sent send(Tensor x, Payload payload) {
      if (exchange == null) {
        prepare(x);
      }
      try (TensorScope scope = TensorScope.open()) {
        Tensor buffer = exchange.packHeads(x, payload).flatten(0, 1);
        Tensor received =
            Tensor.empty(
                buffer.dtype(), x.device(), total(), x.size(0), buffer.size(2), buffer.size(3));
        Work work = group.allToAll(buffer, mine(), received, counts);
        return new Sent(
            work, scope.keep(buffer), scope.keep(received), payload, x.dtype(), x.size(3));
      }
    }

    private void prepare(Tensor x) {
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
        Tensor value = v.await(exchange);
        Tensor query = q.await(exchange);
        Tensor key = k.await(exchange);
        DType dtype = query.dtype();
        long dim = query.size(3);
        Tensor buffer =
            exchange.packTokens(
                inner.forward(query, key, value, tokens.grouped(group.size())), output);
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
        return () -> {
          work.await();
          buffer.close();
          Tensor mine = exchange.unpackTokens(received, output, dtype, dim);
          received.close();
          return mine;
        };
      }
    }
  }
}
