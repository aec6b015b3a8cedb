// RMS norm of channels that lie apart: as many neighbouring pixels at a time as stay in the second
// level cache with all their channels, which are read from memory once.
#include "kernel_table.h"
#include "parallel.h"
#include "silu.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

constexpr int64_t kPixels = 512, kBytes = 1 << 18;

template <class T, bool kSilu>
void normalize(const ChannelNorm& a, const T* x, T* out, int64_t pixels) {
  alignas(64) float norms[kPixels] = {};
  for (int64_t c = 0; c < a.channels; c++) {
    for_each_vector(pixels, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
      Vec v = load(x + c * a.inner + i, lanes);
      store(norms + i, fma(v, v, load(norms + i, Full{})), Full{});
    });
  }
  for (int64_t i = 0; i < pixels; i++) {
    float norm = __builtin_sqrtf(norms[i]);
    norms[i] = norm < a.eps ? a.eps : norm;
  }
  auto weight = static_cast<const T*>(a.weight);
  for (int64_t c = 0; c < a.channels; c++) {
    Vec w = broadcast(first_lane(load(weight + c, Tail{1})));
    for_each_vector(pixels, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
      Vec unit = rounded<T>(load(x + c * a.inner + i, lanes) / load(norms + i, Full{}));
      Vec y = unit * w;
      store(out + c * a.inner + i, kSilu ? silu(rounded<T>(y)) : y, lanes);
    });
  }
}

}  // namespace

void channel_norm(const ChannelNorm& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    int64_t pixels = kBytes / (a.channels * static_cast<int64_t>(sizeof(T))) / 64 * 64;
    pixels = pixels < 64 ? 64 : pixels > kPixels ? kPixels : pixels;
    int64_t strips = (a.inner + pixels - 1) / pixels;
    int64_t elements = a.outer * a.channels * a.inner;
    parallel_ranges(a.outer * strips, 1, elements, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        int64_t first = i % strips * pixels, left = a.inner - first;
        int64_t at = i / strips * a.channels * a.inner + first;
        auto x = static_cast<const T*>(a.x) + at;
        auto out = static_cast<T*>(a.out) + at;
        int64_t count = left < pixels ? left : pixels;
        a.silu ? normalize<T, true>(a, x, out, count) : normalize<T, false>(a, x, out, count);
      }
    });
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
