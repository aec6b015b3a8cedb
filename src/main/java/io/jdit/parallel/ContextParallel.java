package io.jdit.parallel;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.SequenceParallel;

/** Tokens shared out over the ranks of the ring and Ulysses dimensions. */
final class ContextParallel implements SequenceParallel {
  private final ProcessGroup context;
  private final TokenShares shares;

  ContextParallel(ProcessGroup context, TokenShares shares) {
    this.context = context;
    this.shares = shares;
  }

  @Override
  public int parts() {
    return context.size();
  }

  @Override
  public Tensor[] cut(int dim, Tensor... streams) {
    int parts = context.size();
    int part = context.rank();
    long[] lengths = new long[streams.length];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = streams[i].size(dim);
    }
    shares.cut(lengths);
    Tensor[] mine = new Tensor[streams.length];
    for (int i = 0; i < mine.length; i++) {
      long n = lengths[i];
      try (TensorScope scope = TensorScope.open()) {
        Tensor view =
            streams[i].narrow(
                dim, TokenShares.start(n, parts, part), TokenShares.count(n, parts, part));
        mine[i] = scope.keep(view.contiguous());
      }
    }
    return mine;
  }

  @Override
  public Tensor join(Tensor part, int dim, long length) {
    int parts = context.size();
    long largest = TokenShares.count(length, parts, 0);
    try (TensorScope scope = TensorScope.open()) {
      // c10d gathers equal shapes along the first dimension: short parts are padded by one token.
      Tensor first = part.transpose(0, dim);
      long[] shape = first.shape();
      shape[0] = largest;
      Tensor sent = Tensor.empty(part.dtype(), part.device(), shape);
      sent.narrow(0, 0, first.size(0)).copy_(first);
      if (first.size(0) < largest) {
        sent.narrow(0, first.size(0), 1).fill_(0);
      }
      shape[0] = largest * parts;
      Tensor all = Tensor.empty(part.dtype(), part.device(), shape);
      context.allGather(sent, all).await();
      Tensor[] pieces = new Tensor[parts];
      for (int i = 0; i < parts; i++) {
        pieces[i] = all.narrow(0, i * largest, TokenShares.count(length, parts, i));
      }
      Tensor whole = length % parts == 0 ? all : Tensor.cat(0, pieces);
      return scope.keep(whole.transpose(0, dim).contiguous());
    }
  }
}
