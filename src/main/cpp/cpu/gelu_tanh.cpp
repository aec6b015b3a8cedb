#include "gelu.h"
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
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
