// Layer norm and modulation: one block per row.
#include "device.cuh"

namespace jdit {
namespace {

// Threads of a row that stays in registers: 3072 elements of 16 bits are three packs for each.
constexpr int kRowThreads = 128;

struct Row {
  int64_t offset, scale, shift;
};

__device__ inline Row row_of(const LayerNormModulate& a, int64_t r) {
  int64_t item = cell_of(r, a.rows_per_batch).row;
  return {r * a.dim, item * a.scale_stride, item * a.shift_stride};
}

template <class T, int N>
__device__ inline void modulate(const LayerNormModulate& a, const Row& row, int64_t i,
                                Values<N> v, float mean, float inverse) {
  auto factor = load<N>(static_cast<const T*>(a.scale) + row.scale + i);
  auto offset = load<N>(static_cast<const T*>(a.shift) + row.shift + i);
#pragma unroll
  for (int j = 0; j < N; j++) {
    v.at[j] = fmaf((v.at[j] - mean) * inverse, 1.0f + factor.at[j], offset.at[j]);
  }
  store<N>(static_cast<T*>(a.out) + row.offset + i, v);
}

// Rows of at most kRowThreads * N * PACKS elements: read once and kept.
template <class T, int N, int PACKS>
__global__ void short_rows_kernel(LayerNormModulate a) {
  __shared__ float scratch[kRowThreads / kWarp];
  int first = threadIdx.x * N;
  constexpr int step = kRowThreads * N;
  for (int64_t r = blockIdx.x; r < a.rows; r += gridDim.x) {
    Row row = row_of(a, r);
    auto x = static_cast<const T*>(a.x) + row.offset;
    Pack<T, N> packs[PACKS];
    float sum = 0;
#pragma unroll
    for (int p = 0; p < PACKS; p++) {
      int i = first + p * step;
      if (i < a.dim) packs[p] = *reinterpret_cast<const Pack<T, N>*>(x + i);
    }
#pragma unroll
    for (int p = 0; p < PACKS; p++) {
      if (first + p * step >= a.dim) continue;
#pragma unroll
      for (int j = 0; j < N; j++) sum += widen(packs[p].element[j]);
    }
    float mean = block_sum(sum, scratch) / static_cast<float>(a.dim);
    float squares = 0;
#pragma unroll
    for (int p = 0; p < PACKS; p++) {
      if (first + p * step >= a.dim) continue;
#pragma unroll
      for (int j = 0; j < N; j++) {
        float d = widen(packs[p].element[j]) - mean;
        squares = fmaf(d, d, squares);
      }
    }
    float variance = block_sum(squares, scratch) / static_cast<float>(a.dim);
    float inverse = 1.0f / sqrtf(variance + a.eps);
#pragma unroll
    for (int p = 0; p < PACKS; p++) {
      int i = first + p * step;
      if (i >= a.dim) continue;
      modulate<T, N>(a, row, i, widen_all(packs[p]), mean, inverse);
    }
  }
}

// Rows of any length, read three times.
template <class T, int N>
__global__ void long_rows_kernel(LayerNormModulate a) {
  __shared__ float scratch[kThreads / kWarp];
  int first = threadIdx.x * N, step = kThreads * N;
  for (int64_t r = blockIdx.x; r < a.rows; r += gridDim.x) {
    Row row = row_of(a, r);
    auto x = static_cast<const T*>(a.x) + row.offset;
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
      modulate<T, N>(a, row, i, load<N>(x + i), mean, inverse);
    }
  }
}

}  // namespace

int run(const LayerNormModulate& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    int blocks = static_cast<int>(a.rows < 65535 ? a.rows : 65535);
    constexpr int n = kPack<T>;
    int64_t packs = (a.dim + kRowThreads * n - 1) / (kRowThreads * n);
    if (!aligned(a.x, a.scale, a.shift, a.out) || a.dim % n != 0 || a.scale_stride % n != 0 ||
        a.shift_stride % n != 0) {
      launch(long_rows_kernel<T, 1>, blocks, kThreads, stream, a);
    } else if (packs <= 1) {
      launch(short_rows_kernel<T, n, 1>, blocks, kRowThreads, stream, a);
    } else if (packs <= 3) {
      launch(short_rows_kernel<T, n, 3>, blocks, kRowThreads, stream, a);
    } else if (packs <= 6) {
      launch(short_rows_kernel<T, n, 6>, blocks, kRowThreads, stream, a);
    } else {
      launch(long_rows_kernel<T, n>, blocks, kThreads, stream, a);
    }
    return launched("jdit_layer_norm_modulate");
  });
}

}  // namespace jdit
