// What follows a product of int8 codes: scales of rows and columns, bias, GELU.
#include "gelu.cuh"

namespace jdit {
namespace {

template <class T>
struct Scale {
  ScaleSums a;

  // With N > 1 the row length is a multiple of N, so a pack never crosses rows.
  template <int N>
  __device__ void at(int64_t i) const {
    auto [row, column] = cell_of(i, a.columns);
    auto sums = *reinterpret_cast<const Pack<int32_t, N>*>(a.sums + i);
    float row_scale = a.row_scale[row * a.row_scale_stride];
    Values<N> y;
#pragma unroll
    for (int j = 0; j < N; j++) y.at[j] = __int2float_rn(sums.element[j]) * row_scale;
    round_all<T>(y);
    Values<N> scale;
    if (a.column_scale_stride != 0) {
      scale = load<N>(a.column_scale + column);
    } else {
#pragma unroll
      for (int j = 0; j < N; j++) scale.at[j] = *a.column_scale;
    }
#pragma unroll
    for (int j = 0; j < N; j++) y.at[j] *= scale.at[j];
    if (a.bias != nullptr) {
      auto bias = load<N>(static_cast<const T*>(a.bias) + column);
#pragma unroll
      for (int j = 0; j < N; j++) y.at[j] += bias.at[j];
    }
    if (a.gelu) {
      round_all<T>(y);
#pragma unroll
      for (int j = 0; j < N; j++) y.at[j] = gelu<T>(y.at[j]);
    }
    store<N>(static_cast<T*>(a.out) + i, y);
  }
};

}  // namespace

int run(const ScaleSums& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool packed = aligned(a.sums, a.column_scale, a.bias, a.out) && a.columns % kPack<int32_t> == 0;
    return launch_elements<int32_t>("jdit_scale_sums", a.rows * a.columns, packed, Scale<T>{a},
                                    stream);
  });
}

}  // namespace jdit
