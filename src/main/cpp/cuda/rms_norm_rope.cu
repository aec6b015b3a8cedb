// RMS norm and rotary embedding over the heads of tokens.
#include "rows.cuh"

namespace jdit {
namespace {

struct Token {
  int64_t x, out, table;  // offsets of its first head and of its rotation
};

__device__ inline Token token_of(const RmsNormRope& a, int64_t index) {
  auto [b, t] = cell_of(index, a.tokens);
  int64_t at = a.out_offset + t;
  return {b * a.x_batch_stride + t * a.x_token_stride,
          (b * a.out_tokens + at) * a.heads * a.head_dim, at * a.head_dim};
}

__device__ inline float inverse_rms(const RmsNormRope& a, float squares) {
  return 1.0f / sqrtf(squares / static_cast<float>(a.head_dim) + a.eps);
}

__device__ inline void rotate(float* pair, const float* cos, const float* sin) {
  float x = pair[0], y = pair[1];
  pair[0] = x * cos[0] - y * sin[0];
  pair[1] = y * cos[1] + x * sin[1];
}

// Heads of a token that a group of lanes treats at once: they share rotation and weight.
constexpr int kHeads = 4;

// Heads that fit a group with one pack of N elements, of 16 bytes, for each lane: read once.
template <class T, int N>
__global__ void packs_kernel(RmsNormRope a, int64_t per_token, int lanes) {
  for_each_row(a.batch * a.tokens * per_token, lanes, [&](int64_t row, int lane, bool active) {
    int i = lane * N;
    bool mine = active && i < a.head_dim;
    auto [token, chunk] = cell_of(row, per_token);
    Token at = token_of(a, token);
    int64_t first = chunk * kHeads, left = mine ? a.heads - first : 0;
    auto x = static_cast<const T*>(a.x) + at.x + first * a.head_dim + i;
    auto out = static_cast<T*>(a.out) + at.out + first * a.head_dim + i;
    Pack<T, N> heads[kHeads];
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
      if (h < left) heads[h] = *reinterpret_cast<const Pack<T, N>*>(x + h * a.head_dim);
    }
    Values<N> weight, cos, sin;
    if (mine && a.weight != nullptr) weight = load<N>(static_cast<const T*>(a.weight) + i);
    if (mine && a.cos != nullptr) {
#pragma unroll
      for (int j = 0; j < N; j += 4) {
        auto c = load<4>(a.cos + at.table + i + j), s = load<4>(a.sin + at.table + i + j);
#pragma unroll
        for (int k = 0; k < 4; k++) {
          cos.at[j + k] = c.at[k];
          sin.at[j + k] = s.at[k];
        }
      }
    }
    float squares[kHeads];
    if (a.weight != nullptr) {
#pragma unroll
      for (int h = 0; h < kHeads; h++) {
        squares[h] = 0;
        if (h >= left) continue;
#pragma unroll
        for (int j = 0; j < N; j++) {
          float v = widen(heads[h].element[j]);
          squares[h] = fmaf(v, v, squares[h]);
        }
      }
      for (int offset = lanes / 2; offset > 0; offset /= 2) {
#pragma unroll
        for (int h = 0; h < kHeads; h++) {
          squares[h] += __shfl_xor_sync(0xffffffffu, squares[h], offset);
        }
      }
    }
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
      if (h >= left) return;
      auto v = widen_all(heads[h]);
      if (a.weight != nullptr) {
        float inverse = inverse_rms(a, squares[h]);
#pragma unroll
        for (int j = 0; j < N; j++) v.at[j] *= inverse;
        round_all<T>(v);
#pragma unroll
        for (int j = 0; j < N; j++) v.at[j] *= weight.at[j];
        round_all<T>(v);
      }
      if (a.cos != nullptr) {
#pragma unroll
        for (int j = 0; j < N; j += 2) rotate(v.at + j, cos.at + j, sin.at + j);
      }
      store<N>(out + h * a.head_dim, v);
    }
  });
}

// Heads of any length and alignment: a warp each, a lane per pair of elements.
template <class T>
__global__ void pairs_kernel(RmsNormRope a) {
  for_each_row(a.batch * a.tokens * a.heads, kWarp, [&](int64_t row, int lane, bool active) {
    auto [token, head] = cell_of(row, a.heads);
    Token at = token_of(a, token);
    auto x = static_cast<const T*>(a.x) + at.x + head * a.head_dim;
    auto out = static_cast<T*>(a.out) + at.out + head * a.head_dim;
    auto weight = static_cast<const T*>(a.weight);
    float inverse = 1.0f;
    if (weight != nullptr) {
      float squares = 0;
      for (int64_t i = lane; active && i < a.head_dim; i += kWarp) {
        squares = fmaf(widen(x[i]), widen(x[i]), squares);
      }
      for (int offset = kWarp / 2; offset > 0; offset /= 2) {
        squares += __shfl_xor_sync(0xffffffffu, squares, offset);
      }
      inverse = inverse_rms(a, squares);
    }
    if (!active) return;
    for (int64_t i = 2 * lane; i < a.head_dim; i += 2 * kWarp) {
      int count = i + 1 < a.head_dim ? 2 : 1;
      float v[2] = {};
      for (int j = 0; j < count; j++) {
        v[j] = widen(x[i + j]);
        if (weight != nullptr) v[j] = rounded<T>(rounded<T>(v[j] * inverse) * widen(weight[i + j]));
      }
      if (a.cos != nullptr) rotate(v, a.cos + at.table + i, a.sin + at.table + i);
      for (int j = 0; j < count; j++) out[i + j] = narrow<T>(v[j]);
    }
  });
}

}  // namespace

int run(const RmsNormRope& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    constexpr int n = kPack<T>;
    if (aligned(a.x, a.weight, a.cos, a.sin, a.out) && a.head_dim % n == 0 &&
        a.head_dim <= kWarp * n && a.x_batch_stride % n == 0 && a.x_token_stride % n == 0) {
      int lanes = lanes_for(a.head_dim, n);
      int64_t per_token = (a.heads + kHeads - 1) / kHeads;
      int blocks = blocks_for(a.batch * a.tokens * per_token * lanes);
      launch(packs_kernel<T, n>, blocks, kThreads, stream, a, per_token, lanes);
    } else {
      launch(pairs_kernel<T>, blocks_for(a.batch * a.tokens * a.heads * kWarp), kThreads, stream, a);
    }
    return launched("jdit_rms_norm_rope");
  });
}

}  // namespace jdit
