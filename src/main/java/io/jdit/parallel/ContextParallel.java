package io.jdit.parallel;

import io.jdit.attention.Tokens;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.SequenceParallel;

/** Tokens shared out over the ranks of the ring and Ulysses dimensions. */
record ContextParallel(ProcessGroup context) implements SequenceParallel {
  @Override
  public int parts() {
    return context.size();
  }

  @Override
  public Tensor part(int dim, Tensor whole) {
    int parts = context.size();
    int part = context.rank();
    long n = whole.size(dim);
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          whole
              .narrow(dim, Tokens.start(n, parts, part), Tokens.count(n, parts, part))
              .contiguous());
    }
  }

  @Override
  public Tensor join(Tensor part, int dim, long length) {
    int parts = context.size();
    long largest = Tokens.count(length, parts, 0);
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
        pieces[i] = all.narrow(0, i * largest, Tokens.count(length, parts, i));
      }
      Tensor whole = length % parts == 0 ? all : Tensor.cat(0, pieces);
      return scope.keep(whole.transpose(0, dim).contiguous());
    }
  }
}
