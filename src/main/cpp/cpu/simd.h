// One float32 vector type `Vec` of kLanes lanes per instruction set, with loads and stores that
// convert from and to the three element types, and the functions that the kernels share.
//
// Code here and in the kernels must not call inline functions of the standard library that might
// be emitted out of line: the linker keeps one copy, perhaps the one with AVX-512 instructions.
#pragma once

#include <cstdint>
#include <cstring>

#include "../common/arguments.h"

#define JDIT_INLINE inline __attribute__((always_inline))
#define JDIT_LAMBDA_INLINE __attribute__((always_inline))

namespace jdit {
namespace JDIT_ISA {

struct bf16 {
  uint16_t bits;
};
struct f16 {
  uint16_t bits;
};
// Sign, 4 bits of exponent, 3 of mantissa; no infinity, NaN has all lower seven bits set. store()
// takes numbers that round to 448 at most.
struct e4m3 {
  uint8_t bits;
};

// How many lanes of a vector take part: all of them, or the first `count` at the end of a row.
struct Full {};
struct Tail {
  int64_t count;
};

template <class F>
JDIT_INLINE void with_dtype(int dtype, F f) {
  switch (dtype) {
    case JDIT_FLOAT32: return f(float{});
    case JDIT_BFLOAT16: return f(bf16{});
    default: return f(f16{});
  }
}

}  // namespace JDIT_ISA
}  // namespace jdit

#if defined(JDIT_AVX512)
#include "simd_avx512.h"
#elif defined(JDIT_AVX2)
#include "simd_avx2.h"
#else
#include "simd_scalar.h"
#endif

namespace jdit {
namespace JDIT_ISA {

// Calls f(index, Full) for whole vectors of 0..n and f(index, Tail) for the rest.
template <class F>
JDIT_INLINE void for_each_vector(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, Full{});
  if (i < n) f(i, Tail{n - i});
}

// max|x|, NaN where x holds NaN or an infinity: max() alone would lose NaN.
template <class T>
JDIT_INLINE float magnitude(const T* x, int64_t n) {
  Vec largest = broadcast(0), poison = broadcast(0);
  for_each_vector(n, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
    Vec v = load(x + i, lanes);
    largest = max(largest, abs(v));
    poison = fma(v, broadcast(0), poison);
  });
  return maximum(largest) + sum(poison);
}

#if defined(JDIT_AVX512)
// Without signs bfloat16 is ordered as its bits are.
JDIT_INLINE float magnitude(const bf16* x, int64_t n) {
  constexpr int64_t kStep = 2 * kLanes;
  __m512i largest = _mm512_setzero_si512(), unsign = _mm512_set1_epi16(0x7fff);
  for (int64_t i = 0; i < n; i += kStep) {
    auto lanes = static_cast<__mmask32>(n - i < kStep ? (1u << (n - i)) - 1 : ~0u);
    __m512i bits = _mm512_and_si512(_mm512_maskz_loadu_epi16(lanes, x + i), unsign);
    largest = _mm512_max_epu16(largest, bits);
  }
  int even = _mm512_reduce_max_epi32(_mm512_and_si512(largest, _mm512_set1_epi32(0xffff)));
  int odd = _mm512_reduce_max_epi32(_mm512_srli_epi32(largest, 16));
  uint32_t bits = static_cast<uint32_t>(even > odd ? even : odd) << 16;
  float found;
  std::memcpy(&found, &bits, sizeof found);
  return found - found == 0 ? found : __builtin_nanf("");
}
#endif

// 2^x with relative error about 1e-7; 0 below 2^-126, infinity above 2^127.5, NaN stays NaN.
// 2^f = 1 + f q(f) on [-0.5, 0.5], q fitted for least relative error (2e-9), so 2^0 is exactly 1.
JDIT_INLINE Vec exp2(Vec x) {
  // The constant is the first operand because max and min return the second one for NaN.
  x = max(broadcast(-127.0f), min(broadcast(128.0f), x));
  Vec whole = round_to_integer(x);
  Vec f = x - whole;
  Vec q = broadcast(0.00015353362f);
  q = fma(q, f, broadcast(0.0013398875f));
  q = fma(q, f, broadcast(0.009618437f));
  q = fma(q, f, broadcast(0.055503324f));
  q = fma(q, f, broadcast(0.24022648f));
  q = fma(q, f, broadcast(0.6931472f));
  return scale_by_power(fma(q, f, broadcast(1.0f)), whole);
}

#if !defined(JDIT_AVX512)
JDIT_INLINE Vec exp2_of_negative(Vec x) { return exp2(x); }
#endif

// x rounded to T and widened again.
template <class T>
Vec rounded(Vec x);
template <>
JDIT_INLINE Vec rounded<float>(Vec x) {
  return x;
}
template <>
JDIT_INLINE Vec rounded<bf16>(Vec x) {
  return round_bf16(x);
}
template <>
JDIT_INLINE Vec rounded<f16>(Vec x) {
  return round_f16(x);
}

}  // namespace JDIT_ISA
}  // namespace jdit
