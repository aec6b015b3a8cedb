// Layer norm without affine parameters and the scale and shift of an adaptive norm, in one pass
// over memory: a row is read once from memory, then twice from the first-level cache.
#include <cmath>

#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

// Sum of f(i, lanes) over the vectors of a row; four accumulators hide the latency of the addition.
template <class F>
JDIT_INLINE float row_sum(int64_t dim, F f) {
  Vec s0 = broadcast(0), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 4 * kLanes <= dim; i += 4 * kLanes) {
    s0 = s0 + f(i, Full{});
    s1 = s1 + f(i + kLanes, Full{});
    s2 = s2 + f(i + 2 * kLanes, Full{});
    s3 = s3 + f(i + 3 * kLanes, Full{});
  }
  for (; i + kLanes <= dim; i += kLanes) s0 = s0 + f(i, Full{});
  if (i < dim) s1 = s1 + f(i, Tail{dim - i});
  return sum((s0 + s1) + (s2 + s3));
}

template <class T>
void normalize_row(const T* x, const T* scale, const T* shift, T* out, int64_t dim, float eps) {
  float mean = row_sum(dim, [&](int64_t i, auto lanes) { return load(x + i, lanes); }) /
               static_cast<float>(dim);
  float squares = row_sum(dim, [&](int64_t i, auto lanes) {
    Vec d = keep(load(x + i, lanes) - broadcast(mean), lanes);
    return d * d;
  });
  float inverse = 1.0f / std::sqrt(squares / static_cast<float>(dim) + eps);
  for_each_vector(dim, [&](int64_t i, auto lanes) {
    Vec n = (load(x + i, lanes) - broadcast(mean)) * broadcast(inverse);
    Vec factor = load(scale + i, lanes) + broadcast(1.0f);
    store(out + i, fma(n, factor, load(shift + i, lanes)), lanes);
  });
}

}  // namespace

void layer_norm_modulate(const LayerNormModulate& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    auto x = static_cast<const T*>(a.x);
    auto scale = static_cast<const T*>(a.scale), shift = static_cast<const T*>(a.shift);
    auto out = static_cast<T*>(a.out);
    parallel_ranges(a.rows, 1, a.rows * a.dim, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        int64_t item = r / a.rows_per_batch;
        normalize_row(x + r * a.dim, scale + item * a.scale_stride, shift + item * a.shift_stride,
                      out + r * a.dim, a.dim, a.eps);
      }
    });
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
