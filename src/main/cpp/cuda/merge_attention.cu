// Attention over two disjoint sets of keys, merged by log-sum-exp: a group of lanes per row.
#include "rows.cuh"

namespace jdit {
namespace {

// A row without keys: some kernels report it as +infinity.
__device__ inline bool empty(float lse) { return isinf(lse); }

template <class T, int N>
__global__ void merge_attention_kernel(MergeAttention a, int lanes) {
  int64_t rows = a.batch * a.tokens * a.heads;
  for_each_row(rows, lanes, [&](int64_t row, int lane, bool active) {
    float mine = 0, other = 0;
    float* lse = nullptr;
    if (active) {
      auto [token, h] = cell_of(row, a.heads);
      auto [b, t] = cell_of(token, a.tokens);
      int64_t l = (b * a.heads + h) * a.tokens + t;
      lse = a.lse + l;
      mine = *lse;
      other = a.part_lse[l];
    }
    // Every lane has read the log-sum-exp before the first one replaces it.
    __syncwarp();
    if (!active) return;
    if (empty(other)) {
      if (lane == 0 && empty(mine)) *lse = -INFINITY;
      return;
    }
    float* out = a.out + row * a.head_dim;
    auto part = static_cast<const T*>(a.part) + row * a.head_dim;
    bool first = empty(mine);
    float difference = other - mine, weight = 1.0f / (1.0f + expf(-difference));
    for (int64_t i = static_cast<int64_t>(lane) * N; i < a.head_dim; i += lanes * N) {
      auto p = load<N>(part + i);
      if (!first) {
        auto o = load<N>(out + i);
#pragma unroll
        for (int j = 0; j < N; j++) {
          p.at[j] = o.at[j] - weight * (o.at[j] - p.at[j]);
        }
      }
      store<N>(out + i, p);
    }
    if (lane == 0) {
      *lse = first ? other : fmaxf(mine, other) + log1pf(expf(-fabsf(difference)));
    }
  });
}

}  // namespace

int run(const MergeAttention& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    constexpr int n = 4;
    int64_t rows = a.batch * a.tokens * a.heads;
    if (aligned(a.out, a.part) && a.head_dim % n == 0) {
      int lanes = lanes_for(a.head_dim, n);
      launch(merge_attention_kernel<T, n>, blocks_for(rows * lanes), kThreads, stream, a, lanes);
    } else {
      int lanes = lanes_for(a.head_dim, 1);
      launch(merge_attention_kernel<T, 1>, blocks_for(rows * lanes), kThreads, stream, a, lanes);
    }
    return launched("jdit_merge_attention");
  });
}

}  // namespace jdit
