// RMS norm of channels that lie apart, a thread for each pixel: neighbouring threads read
// neighbouring numbers of a channel, the second time from the caches.
#include "silu.cuh"

namespace jdit {
namespace {

template <class T>
__global__ void channel_norm_kernel(ChannelNorm a) {
  int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < a.outer * a.inner; i += step) {
    auto [outer, pixel] = cell_of(i, a.inner);
    int64_t first = outer * a.channels * a.inner + pixel;
    auto x = static_cast<const T*>(a.x) + first;
    float squares = 0;
    for (int64_t c = 0; c < a.channels; c++) {
      float v = widen(x[c * a.inner]);
      squares = fmaf(v, v, squares);
    }
    float norm = sqrtf(squares);
    if (norm < a.eps) norm = a.eps;
    auto out = static_cast<T*>(a.out) + first;
    auto weight = static_cast<const T*>(a.weight);
    for (int64_t c = 0; c < a.channels; c++) {
      float y = rounded<T>(widen(x[c * a.inner]) / norm) * widen(weight[c]);
      out[c * a.inner] = narrow<T>(a.silu ? silu<T>(rounded<T>(y)) : y);
    }
  }
}

}  // namespace

int run(const ChannelNorm& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    launch(channel_norm_kernel<decltype(type)>, blocks_for(a.outer * a.inner), kThreads, stream, a);
    return launched("jdit_channel_norm");
  });
}

}  // namespace jdit
