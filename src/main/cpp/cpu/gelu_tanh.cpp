// GELU with the tanh approximation, 0.5 x (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3), computed
// as x / (1 + e^(-2u)), which has no cancellation for negative x.
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

JDIT_INLINE Vec gelu(Vec x) {
  constexpr float kLinear = -2.302208198f;   // -2 sqrt(2/pi) log2(e)
  constexpr float kCubic = -0.1029432397f;   // the same times 0.044715
  Vec exponent = x * fma(x * x, broadcast(kCubic), broadcast(kLinear));
  return x / (broadcast(1.0f) + exp2(exponent));
}

}  // namespace

void gelu_tanh(const GeluTanh& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    parallel_ranges(a.rows, 1, a.rows * a.dim, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        auto x = static_cast<const T*>(a.x) + r * a.x_stride;
        auto out = static_cast<T*>(a.out) + r * a.out_stride;
        for_each_vector(a.dim, [&](int64_t i, auto lanes) {
          store(out + i, gelu(load(x + i, lanes)), lanes);
        });
      }
    });
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
