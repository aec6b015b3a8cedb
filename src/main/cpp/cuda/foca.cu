// The FoCa forecast of the cache engine; every operation is rounded to the element type.
#include "device.cuh"

namespace jdit {
namespace {

template <class T>
struct Forecast {
  FocaEval args;

  template <int N>
  __device__ void at(int64_t i) const {
    auto a = load<N>(static_cast<const T*>(args.a) + i);
    auto a1 = load<N>(static_cast<const T*>(args.a1) + i);
    auto f = load<N>(static_cast<const T*>(args.f) + i);
    auto f1 = load<N>(static_cast<const T*>(args.f1) + i);
    Values<N> y;
#pragma unroll
    for (int j = 0; j < N; j++) {
      float slow = rounded<T>(a.at[j] - a1.at[j]), fast = rounded<T>(f.at[j] - f1.at[j]);
      float g = rounded<T>(slow + fast);
      if (args.near) {
        y.at[j] = rounded<T>(a.at[j] + rounded<T>(args.half_t * g));
      } else {
        float z = rounded<T>(a.at[j] + rounded<T>(1.5f * g));
        y.at[j] = rounded<T>(rounded<T>(args.weight * z) + rounded<T>(args.rest * a.at[j]));
      }
    }
    store<N>(static_cast<T*>(args.y) + i, y);
    if (args.base != nullptr) {
      auto base = load<N>(static_cast<const T*>(args.base) + i);
#pragma unroll
      for (int j = 0; j < N; j++) y.at[j] += base.at[j];
      store<N>(static_cast<T*>(args.sum) + i, y);
    }
  }
};

}  // namespace

int run(const FocaEval& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool packed = aligned(a.a, a.a1, a.f, a.f1, a.base, a.y, a.sum);
    return launch_elements<T>("jdit_foca_eval", a.n, packed, Forecast<T>{a}, stream);
  });
}

}  // namespace jdit
