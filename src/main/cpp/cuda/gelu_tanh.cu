// GELU with the tanh approximation, also into a slice of wider rows.
#include "gelu.cuh"

namespace jdit {
namespace {

template <class T>
struct Gelu {
  GeluTanh a;

  // With N > 1 the row length is a multiple of N, so a pack never crosses rows.
  template <int N>
  __device__ void at(int64_t i) const {
    auto [row, column] = cell_of(i, a.dim);
    auto x = load<N>(static_cast<const T*>(a.x) + row * a.x_stride + column);
#pragma unroll
    for (int j = 0; j < N; j++) x.at[j] = gelu<T>(x.at[j]);
    store<N>(static_cast<T*>(a.out) + row * a.out_stride + column, x);
  }
};

}  // namespace

int run(const GeluTanh& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool packed = aligned(a.x, a.out) && a.dim % kPack<T> == 0 && a.x_stride % kPack<T> == 0 &&
                  a.out_stride % kPack<T> == 0;
    return launch_elements<T>("jdit_gelu_tanh", a.rows * a.dim, packed, Gelu<T>{a}, stream);
  });
}

}  // namespace jdit
