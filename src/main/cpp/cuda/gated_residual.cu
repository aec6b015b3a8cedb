// x + gate * y over rows.
#include "device.cuh"

namespace jdit {
namespace {

template <class T>
struct Gate {
  GatedResidual a;

  // With N > 1 the row length is a multiple of N, so a pack never crosses rows.
  template <int N>
  __device__ void at(int64_t i) const {
    auto [row, column] = cell_of(i, a.dim);
    auto x = load<N>(static_cast<const T*>(a.x) + i);
    auto y = load<N>(static_cast<const T*>(a.y) + i);
    auto g = load<N>(static_cast<const T*>(a.gate) + row / a.rows_per_batch * a.gate_stride +
                     column);
#pragma unroll
    for (int j = 0; j < N; j++) x.at[j] = fmaf(g.at[j], y.at[j], x.at[j]);
    store<N>(static_cast<T*>(a.out) + i, x);
  }
};

}  // namespace

int run(const GatedResidual& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool packed = aligned(a.x, a.y, a.gate, a.out) && a.dim % kPack<T> == 0 &&
                  a.gate_stride % kPack<T> == 0;
    return launch_elements<T>("jdit_gated_residual", a.rows * a.dim, packed, Gate<T>{a}, stream);
  });
}

}  // namespace jdit
