// GELU with the tanh approximation, as x / (1 + e^(-2u)): no cancellation for negative x.
#include "device.cuh"

namespace jdit {
namespace {

template <class T>
struct Gelu {
  GeluTanh a;

  // With N > 1 the row length is a multiple of N, so a pack never crosses rows.
  template <int N>
  __device__ void at(int64_t i) const {
    constexpr float kLinear = -2.302208198f;  // -2 sqrt(2/pi) log2(e)
    constexpr float kCubic = -0.1029432396f;  // the same times 0.044715
    auto [row, column] = cell_of(i, a.dim);
    auto x = load<N>(static_cast<const T*>(a.x) + row * a.x_stride + column);
#pragma unroll
    for (int j = 0; j < N; j++) {
      float v = x.at[j];
      float d = 1.0f + exp2f(v * fmaf(v * v, kCubic, kLinear));
      // Two units in float32's last place do not show in 16 bits, and exact division takes longer
      // than memory does.
      x.at[j] = sizeof(T) == 2 ? __fdividef(v, d) : v / d;
    }
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
