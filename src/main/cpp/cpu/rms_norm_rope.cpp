// RMS norm of each head, rotary embedding and the copy to the joined sequence, in one pass.
#include <cmath>

#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

template <class T, bool kNorm, bool kRotate>
void token(const RmsNormRope& a, const T* x, const float* cos, const float* sin, T* out) {
  auto weight = static_cast<const T*>(a.weight);
  for (int64_t h = 0; h < a.heads; h++, x += a.head_dim, out += a.head_dim) {
    float inverse = 1.0f;
    if constexpr (kNorm) {
      Vec squares = broadcast(0);
      for_each_vector(a.head_dim, [&](int64_t i, auto lanes) {
        Vec v = load(x + i, lanes);
        squares = fma(v, v, squares);
      });
      inverse = 1.0f / std::sqrt(sum(squares) / static_cast<float>(a.head_dim) + a.eps);
    }
    for_each_vector(a.head_dim, [&](int64_t i, auto lanes) {
      Vec v = load(x + i, lanes);
      if constexpr (kNorm) {
        v = rounded<T>(rounded<T>(v * broadcast(inverse)) * load(weight + i, lanes));
      }
      if constexpr (kRotate) {
        v = rotate_pairs(v, load(cos + i, lanes), load(sin + i, lanes));
      }
      store(out + i, v, lanes);
    });
  }
}

template <class T, bool kNorm, bool kRotate>
void tokens(const RmsNormRope& a) {
  int64_t out_token_stride = a.heads * a.head_dim;
  parallel_ranges(a.batch * a.tokens, 1, a.batch * a.tokens * out_token_stride,
                  [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      int64_t b = r / a.tokens, t = r % a.tokens, row = a.out_offset + t;
      token<T, kNorm, kRotate>(
          a, static_cast<const T*>(a.x) + b * a.x_batch_stride + t * a.x_token_stride,
          kRotate ? a.cos + row * a.head_dim : nullptr,
          kRotate ? a.sin + row * a.head_dim : nullptr,
          static_cast<T*>(a.out) + (b * a.out_tokens + row) * out_token_stride);
    }
  });
}

}  // namespace

void rms_norm_rope(const RmsNormRope& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool norm = a.weight != nullptr, rotate = a.cos != nullptr;
    if (norm && rotate) {
      tokens<T, true, true>(a);
    } else if (norm) {
      tokens<T, true, false>(a);
    } else if (rotate) {
      tokens<T, false, true>(a);
    } else {
      tokens<T, false, false>(a);
    }
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
