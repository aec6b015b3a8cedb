// SiLU of one tensor times another, both possibly slices of wider rows.
#include "silu.cuh"

namespace jdit {
namespace {

template <class T>
struct Gated {
  SiluMul a;

  // With N > 1 the row length is a multiple of N, so a pack never crosses rows.
  template <int N>
  __device__ void at(int64_t i) const {
    auto [row, column] = cell_of(i, a.dim);
    auto gate = load<N>(static_cast<const T*>(a.gate) + row * a.gate_stride + column);
    auto up = load<N>(static_cast<const T*>(a.up) + row * a.up_stride + column);
#pragma unroll
    for (int j = 0; j < N; j++) gate.at[j] = silu<T>(gate.at[j]);
    round_all<T>(gate);
#pragma unroll
    for (int j = 0; j < N; j++) gate.at[j] *= up.at[j];
    store<N>(static_cast<T*>(a.out) + i, gate);
  }
};

}  // namespace

int run(const SiluMul& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool packed = aligned(a.gate, a.up, a.out) && a.dim % kPack<T> == 0 &&
                  a.gate_stride % kPack<T> == 0 && a.up_stride % kPack<T> == 0;
    return launch_elements<T>("jdit_silu_mul", a.rows * a.dim, packed, Gated<T>{a}, stream);
  });
}

}  // namespace jdit
