#include "kernel_table.h"
#include "parallel.h"
#include "silu.h"

namespace jdit {
namespace JDIT_ISA {
void silu_mul(const SiluMul& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    parallel_ranges(a.rows, 1, a.rows * a.dim, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        auto gate = static_cast<const T*>(a.gate) + r * a.gate_stride;
        auto up = static_cast<const T*>(a.up) + r * a.up_stride;
        auto out = static_cast<T*>(a.out) + r * a.dim;
        for_each_vector(a.dim, [&](int64_t i, auto lanes) {
          store(out + i, rounded<T>(silu(load(gate + i, lanes))) * load(up + i, lanes), lanes);
        });
      }
    });
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
