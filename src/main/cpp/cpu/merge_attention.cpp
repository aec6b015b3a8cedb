// Attention over two disjoint sets of keys, merged by log-sum-exp.
#include <cmath>

#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

// A row without keys: some kernels report it as +infinity.
bool empty(float lse) { return lse == INFINITY || lse == -INFINITY; }

template <class T>
void merge_row(float* out, float* lse, const T* part, float part_lse, int64_t dim) {
  if (empty(part_lse)) {
    if (empty(*lse)) *lse = -INFINITY;
    return;
  }
  if (empty(*lse)) {
    *lse = part_lse;
    for_each_vector(dim, [&](int64_t i, auto lanes) { store(out + i, load(part + i, lanes), lanes); });
    return;
  }
  float difference = part_lse - *lse;
  Vec weight = broadcast(1.0f / (1.0f + std::exp(-difference)));
  for_each_vector(dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
    Vec o = load(out + i, lanes);
    store(out + i, o - weight * (o - load(part + i, lanes)), lanes);
  });
  // lse - log(sigmoid(lse - part_lse)), without the overflow of the exponential.
  *lse = (difference > 0 ? part_lse : *lse) + std::log1p(std::exp(-std::fabs(difference)));
}

}  // namespace

void merge_attention(const MergeAttention& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    auto part = static_cast<const T*>(a.part);
    int64_t tokens = a.batch * a.tokens;
    parallel_ranges(tokens, 1, tokens * a.heads * a.head_dim, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        int64_t b = r / a.tokens, t = r % a.tokens;
        for (int64_t h = 0; h < a.heads; h++) {
          int64_t row = (r * a.heads + h) * a.head_dim, l = (b * a.heads + h) * a.tokens + t;
          merge_row(a.out + row, a.lse + l, part + row, a.part_lse[l], a.head_dim);
        }
      }
    });
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
