// The Taylor ladder of the cache engine: backward differences and the forecast. Every operation is
// rounded to the element type, as a chain of single operators does.
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

template <class T>
bool streams(const void* out, int64_t n) {
  return stream_aligned(out) && n * static_cast<int64_t>(sizeof(T)) >= kStreamBytes;
}

// For the windows in use, small positive integers.
JDIT_INLINE bool is_power_of_two(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return (bits & 0x7fffffu) == 0 && x >= 1.0f && x <= 65536.0f;
}

// kLevels is the number of levels where that is worth its own code, else 0: a.levels decides.
template <class T, int kLevels>
void update(const TaylorUpdate& a) {
  const int levels = kLevels == 0 ? a.levels : kLevels;
  bool streamed = true;
  // Copies: the compiler cannot know that the stores leave the argument struct alone.
  const T* previous[kMaxLadder];
  T* next[kMaxLadder];
  for (int i = 0; i < levels; i++) {
    previous[i] = static_cast<const T*>(a.previous[i]);
    next[i] = static_cast<T*>(a.next[i]);
    streamed = streamed && streams<T>(a.next[i], a.n);
    // In place, the line is in the cache already.
    for (int k = 0; k + 1 < levels; k++) streamed = streamed && a.next[i] != a.previous[k];
  }
  auto h = static_cast<const T*>(a.h), h1 = static_cast<const T*>(a.h1);
  // A division by a power of two is the multiplication by its inverse, and far slower.
  bool exact_inverse = is_power_of_two(a.window);
  Vec divisor = broadcast(a.window), factor = broadcast(1.0f / a.window);
  parallel_elements(a.n, streamed, [&](int64_t i, auto lanes, auto put) JDIT_LAMBDA_INLINE {
    Vec d = load_ahead(h + i, lanes);
    if (h1 != nullptr) d = rounded<T>(d - load_ahead(h1 + i, lanes));
    for (int level = 0; level + 1 < levels; level++) {
      Vec older = load_ahead(previous[level] + i, lanes);
      put(next[level] + i, d, lanes);
      Vec difference = rounded<T>(d - older);
      d = rounded<T>(exact_inverse ? difference * factor : difference / divisor);
    }
    put(next[levels - 1] + i, d, lanes);
  });
}

template <class T, int kTerms>
void evaluate(const TaylorEval& a) {
  const int terms = kTerms == 0 ? a.terms : kTerms;
  bool streamed = streams<T>(a.out, a.n) && a.out != a.base;
  const T* ladder[kMaxLadder];
  Vec factor[kMaxLadder], power[kMaxLadder];
  for (int i = 0; i < terms; i++) {
    ladder[i] = static_cast<const T*>(a.ladder[i]);
    factor[i] = broadcast(a.inverse_factorial[i]);
    power[i] = broadcast(a.power[i]);
    streamed = streamed && a.out != a.ladder[i];
  }
  auto base = static_cast<const T*>(a.base);
  auto out = static_cast<T*>(a.out);
  parallel_elements(a.n, streamed, [&](int64_t i, auto lanes, auto put) JDIT_LAMBDA_INLINE {
    // 0 + x turns -0 into +0, as the reference's sum does.
    Vec s = broadcast(0) + load_ahead(ladder[0] + i, lanes);
    for (int term = 1; term < terms; term++) {
      Vec d = load_ahead(ladder[term] + i, lanes);
      if (term > 1) d = rounded<T>(factor[term] * d);
      s = rounded<T>(s + rounded<T>(d * power[term]));
    }
    if (base != nullptr) s = rounded<T>(s + load_ahead(base + i, lanes));
    put(out + i, s, lanes);
  });
}

}  // namespace

void taylor_update(const TaylorUpdate& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    switch (a.levels) {
      case 1: return update<T, 1>(a);
      case 2: return update<T, 2>(a);
      case 3: return update<T, 3>(a);
      default: return update<T, 0>(a);
    }
  });
}

void taylor_eval(const TaylorEval& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    switch (a.terms) {
      case 1: return evaluate<T, 1>(a);
      case 2: return evaluate<T, 2>(a);
      case 3: return evaluate<T, 3>(a);
      default: return evaluate<T, 0>(a);
    }
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
