// Layer norm and modulation: one block per row.
#include "device.cuh"

namespace jdit {
namespace {

template <class T, int N>
__global__ void layer_norm_modulate_kernel(LayerNormModulate a) {
  __shared__ float scratch[kThreads / 32];
  int first = threadIdx.x * N, step = kThreads * N;
  for (int64_t r = blockIdx.x; r < a.rows; r += gridDim.x) {
    const T* x = static_cast<const T*>(a.x) + r * a.dim;
    int64_t item = r / a.rows_per_batch;
    const T* scale = static_cast<const T*>(a.scale) + item * a.scale_stride;
    const T* shift = static_cast<const T*>(a.shift) + item * a.shift_stride;
    T* out = static_cast<T*>(a.out) + r * a.dim;

    float sum = 0;
    for (int64_t i = first; i < a.dim; i += step) {
      auto v = load<N>(x + i);
#pragma unroll
      for (int j = 0; j < N; j++) sum += v.at[j];
    }
    float mean = block_sum(sum, scratch) / static_cast<float>(a.dim);
    float squares = 0;
    for (int64_t i = first; i < a.dim; i += step) {
      auto v = load<N>(x + i);
#pragma unroll
      for (int j = 0; j < N; j++) squares = fmaf(v.at[j] - mean, v.at[j] - mean, squares);
    }
    float variance = block_sum(squares, scratch) / static_cast<float>(a.dim);
    float inverse = 1.0f / sqrtf(variance + a.eps);
    for (int64_t i = first; i < a.dim; i += step) {
      auto v = load<N>(x + i), factor = load<N>(scale + i), offset = load<N>(shift + i);
#pragma unroll
      for (int j = 0; j < N; j++) {
        v.at[j] = fmaf((v.at[j] - mean) * inverse, 1.0f + factor.at[j], offset.at[j]);
      }
      store<N>(out + i, v);
    }
  }
}

}  // namespace

int run(const LayerNormModulate& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    auto s = static_cast<cudaStream_t>(stream);
    int blocks = static_cast<int>(a.rows < 65535 ? a.rows : 65535);
    constexpr int n = kPack<T>;
    if (aligned(a.x, a.scale, a.shift, a.out) && a.dim % n == 0 && a.scale_stride % n == 0 &&
        a.shift_stride % n == 0) {
      layer_norm_modulate_kernel<T, n><<<blocks, kThreads, 0, s>>>(a);
    } else {
      layer_norm_modulate_kernel<T, 1><<<blocks, kThreads, 0, s>>>(a);
    }
    return launched("jdit_layer_norm_modulate");
  });
}

}  // namespace jdit
