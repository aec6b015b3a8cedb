// RMS norm and rotary embedding: one warp per head of a token, a lane per pair of elements.
#include "device.cuh"

namespace jdit {
namespace {

// N is 2 where pairs are aligned, else 1: then each element of a pair is loaded by itself.
template <int N, class T>
__device__ inline Values<2> load_pair(const T* p, bool both) {
  if constexpr (N == 2) {
    return load<2>(p);
  } else {
    return {widen(p[0]), both ? widen(p[1]) : 0.0f};
  }
}

template <int N, class T>
__device__ inline void store_pair(T* p, const Values<2>& v, bool both) {
  if constexpr (N == 2) {
    store<2>(p, v);
  } else {
    p[0] = narrow<T>(v.at[0]);
    if (both) p[1] = narrow<T>(v.at[1]);
  }
}

template <class T, int N>
__global__ void rms_norm_rope_kernel(RmsNormRope a) {
  int lane = threadIdx.x % kWarp;
  int64_t rows = a.batch * a.tokens * a.heads;
  int64_t step = static_cast<int64_t>(gridDim.x) * (kThreads / kWarp);
  auto weight = static_cast<const T*>(a.weight);
  for (int64_t r = static_cast<int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
       r < rows; r += step) {
    int64_t head = r % a.heads, t = r / a.heads % a.tokens, b = r / a.heads / a.tokens;
    int64_t row = a.out_offset + t;
    const T* x = static_cast<const T*>(a.x) + b * a.x_batch_stride + t * a.x_token_stride +
                 head * a.head_dim;
    T* out = static_cast<T*>(a.out) + ((b * a.out_tokens + row) * a.heads + head) * a.head_dim;
    float inverse = 1.0f;
    if (weight != nullptr) {
      float squares = 0;
      for (int64_t i = 2 * lane; i < a.head_dim; i += 2 * kWarp) {
        auto v = load_pair<N>(x + i, i + 1 < a.head_dim);
        squares = fmaf(v.at[0], v.at[0], fmaf(v.at[1], v.at[1], squares));
      }
      for (int offset = kWarp / 2; offset > 0; offset /= 2) {
        squares += __shfl_xor_sync(0xffffffffu, squares, offset);
      }
      inverse = 1.0f / sqrtf(squares / static_cast<float>(a.head_dim) + a.eps);
    }
    for (int64_t i = 2 * lane; i < a.head_dim; i += 2 * kWarp) {
      bool both = i + 1 < a.head_dim;
      auto v = load_pair<N>(x + i, both);
      if (weight != nullptr) {
        auto w = load_pair<N>(weight + i, both);
        v.at[0] = rounded<T>(rounded<T>(v.at[0] * inverse) * w.at[0]);
        v.at[1] = rounded<T>(rounded<T>(v.at[1] * inverse) * w.at[1]);
      }
      if (a.cos != nullptr) {
        const float *c = a.cos + row * a.head_dim + i, *s = a.sin + row * a.head_dim + i;
        v = {v.at[0] * c[0] - v.at[1] * s[0], v.at[1] * c[1] + v.at[0] * s[1]};
      }
      store_pair<N>(out + i, v, both);
    }
  }
}

}  // namespace

int run(const RmsNormRope& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    auto s = static_cast<cudaStream_t>(stream);
    int blocks = blocks_for(a.batch * a.tokens * a.heads * kWarp);
    if (aligned(a.x, a.weight, a.out) && a.head_dim % 2 == 0 && a.x_batch_stride % 2 == 0 &&
        a.x_token_stride % 2 == 0) {
      rms_norm_rope_kernel<T, 2><<<blocks, kThreads, 0, s>>>(a);
    } else {
      rms_norm_rope_kernel<T, 1><<<blocks, kThreads, 0, s>>>(a);
    }
    return launched("jdit_rms_norm_rope");
  });
}

}  // namespace jdit
