// The cache engine's residual and its distance from the previous one. A first kernel writes one
// pair of sums per block, a second one adds them; the grid depends on n alone, so the order of
// the additions does too.
#include "device.cuh"

namespace jdit {
namespace {

constexpr int kMaxBlocks = (JDIT_RESIDUAL_SUMS - 2) / 2;

template <class T, int N>
__device__ inline void step(const ResidualDiff& a, int64_t i, double* difference,
                            double* magnitude) {
  auto r = load<N>(static_cast<const T*>(a.h) + i);
  if (a.h0 != nullptr) {
    auto h0 = load<N>(static_cast<const T*>(a.h0) + i);
#pragma unroll
    for (int j = 0; j < N; j++) r.at[j] -= h0.at[j];
    round_all<T>(r);
  }
  if (a.prev != nullptr) {
    auto p = load<N>(static_cast<const T*>(a.prev) + i);
    Values<N> change;
#pragma unroll
    for (int j = 0; j < N; j++) change.at[j] = p.at[j] - r.at[j];
    if (a.exact) round_all<T>(change);
    // A pack is added in float32 before it is widened: double is slow on consumer cards.
    float d = 0, m = 0;
#pragma unroll
    for (int j = 0; j < N; j++) {
      d += fabsf(change.at[j]);
      m += fabsf(p.at[j]);
    }
    *difference += d;
    *magnitude += m;
  }
  if (a.residual != nullptr) store<N>(static_cast<T*>(a.residual) + i, r);
}

template <class T, int N>
__global__ void residual_diff_kernel(ResidualDiff a) {
  __shared__ double scratch[kThreads / 32];
  double difference = 0, magnitude = 0;
  int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads * N;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * N; i < a.n;
       i += stride) {
    if (i + N <= a.n) {
      step<T, N>(a, i, &difference, &magnitude);
    } else {
      for (; i < a.n; i++) step<T, 1>(a, i, &difference, &magnitude);
    }
  }
  if (a.prev == nullptr) return;
  difference = block_sum(difference, scratch);
  magnitude = block_sum(magnitude, scratch);
  if (threadIdx.x == 0) {
    a.sums[2 + 2 * blockIdx.x] = difference;
    a.sums[3 + 2 * blockIdx.x] = magnitude;
  }
}

__global__ void add_partial_sums(double* sums, int blocks) {
  __shared__ double scratch[kThreads / 32];
  double difference = 0, magnitude = 0;
  for (int b = threadIdx.x; b < blocks; b += kThreads) {
    difference += sums[2 + 2 * b];
    magnitude += sums[3 + 2 * b];
  }
  difference = block_sum(difference, scratch);
  magnitude = block_sum(magnitude, scratch);
  if (threadIdx.x == 0) {
    sums[0] = difference;
    sums[1] = magnitude;
  }
}

}  // namespace

int run(const ResidualDiff& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool packed = aligned(a.h, a.h0, a.prev, a.residual);
    int blocks = blocks_for(packed ? a.n / kPack<T> + 1 : a.n);
    if (blocks > kMaxBlocks) blocks = kMaxBlocks;
    if (packed) {
      launch(residual_diff_kernel<T, kPack<T>>, blocks, kThreads, stream, a);
    } else {
      launch(residual_diff_kernel<T, 1>, blocks, kThreads, stream, a);
    }
    if (a.prev != nullptr) launch(add_partial_sums, 1, kThreads, stream, a.sums, blocks);
    return launched("jdit_residual_diff");
  });
}

}  // namespace jdit
