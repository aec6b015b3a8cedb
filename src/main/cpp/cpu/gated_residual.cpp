// x + gate * y with one gate row per batch item.
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {

void gated_residual(const GatedResidual& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    auto xs = static_cast<const T*>(a.x), ys = static_cast<const T*>(a.y),
         gates = static_cast<const T*>(a.gate);
    auto outs = static_cast<T*>(a.out);
    parallel_ranges(a.rows, 1, a.rows * a.dim, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        const T *x = xs + r * a.dim, *y = ys + r * a.dim,
                *gate = gates + r / a.rows_per_batch * a.gate_stride;
        T* out = outs + r * a.dim;
        for_each_vector(a.dim, [&](int64_t i, auto lanes) {
          Vec v = fma(load(gate + i, lanes), load(y + i, lanes), load(x + i, lanes));
          store(out + i, v, lanes);
        });
      }
    });
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
