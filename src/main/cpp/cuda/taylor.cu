// The Taylor ladder of the cache engine; every operation is rounded to the element type.
#include "device.cuh"

namespace jdit {
namespace {

template <class T>
struct Update {
  TaylorUpdate a;

  template <int N>
  __device__ void at(int64_t i) const {
    auto d = load<N>(static_cast<const T*>(a.h) + i);
    if (a.h1 != nullptr) {
      auto h1 = load<N>(static_cast<const T*>(a.h1) + i);
#pragma unroll
      for (int j = 0; j < N; j++) d.at[j] = rounded<T>(d.at[j] - h1.at[j]);
    }
    for (int level = 0; level + 1 < a.levels; level++) {
      auto older = load<N>(static_cast<const T*>(a.previous[level]) + i);
      store<N>(static_cast<T*>(a.next[level]) + i, d);
#pragma unroll
      for (int j = 0; j < N; j++) {
        d.at[j] = rounded<T>(__fdiv_rn(rounded<T>(d.at[j] - older.at[j]), a.window));
      }
    }
    store<N>(static_cast<T*>(a.next[a.levels - 1]) + i, d);
  }
};

template <class T>
struct Evaluate {
  TaylorEval a;

  template <int N>
  __device__ void at(int64_t i) const {
    Values<N> s{};
    for (int term = 0; term < a.terms; term++) {
      auto d = load<N>(static_cast<const T*>(a.ladder[term]) + i);
#pragma unroll
      for (int j = 0; j < N; j++) {
        float scaled = rounded<T>(a.inverse_factorial[term] * d.at[j]);
        s.at[j] = rounded<T>(s.at[j] + rounded<T>(scaled * a.power[term]));
      }
    }
    if (a.base != nullptr) {
      auto base = load<N>(static_cast<const T*>(a.base) + i);
#pragma unroll
      for (int j = 0; j < N; j++) s.at[j] += base.at[j];
    }
    store<N>(static_cast<T*>(a.out) + i, s);
  }
};

}  // namespace

int run(const TaylorUpdate& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool packed = aligned(a.h, a.h1);
    for (int i = 0; i < a.levels; i++) packed = packed && aligned(a.previous[i], a.next[i]);
    return launch_elements<T>("jdit_taylor_update", a.n, packed, Update<T>{a}, stream);
  });
}

int run(const TaylorEval& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    bool packed = aligned(a.base, a.out);
    for (int i = 0; i < a.terms; i++) packed = packed && aligned(a.ladder[i]);
    return launch_elements<T>("jdit_taylor_eval", a.n, packed, Evaluate<T>{a}, stream);
  });
}

}  // namespace jdit
