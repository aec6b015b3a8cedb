// Vectors of sixteen floats: AVX-512 F, BW, DQ, VL.
#pragma once

#include <immintrin.h>

namespace jdit {
namespace JDIT_ISA {

inline constexpr int64_t kLanes = 16;

// Whether stream_exact() differs from store_exact().
inline constexpr bool kHasStreams = true;

struct Vec {
  __m512 v;
};

JDIT_INLINE Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }

JDIT_INLINE __mmask16 tail_mask(Tail t) {
  return static_cast<__mmask16>((1u << t.count) - 1);
}
JDIT_INLINE Vec load(const float* p, Full) { return {_mm512_loadu_ps(p)}; }
JDIT_INLINE Vec load(const float* p, Tail t) { return {_mm512_maskz_loadu_ps(tail_mask(t), p)}; }
JDIT_INLINE void store(float* p, Vec x, Full) { _mm512_storeu_ps(p, x.v); }
JDIT_INLINE void store(float* p, Vec x, Tail t) { _mm512_mask_storeu_ps(p, tail_mask(t), x.v); }
JDIT_INLINE void stream_32bit(float* p, Vec x) { _mm512_stream_ps(p, x.v); }

// The lanes that take part; 0 in the others.
JDIT_INLINE Vec keep(Vec x, Full) { return x; }
JDIT_INLINE Vec keep(Vec x, Tail t) { return {_mm512_maskz_mov_ps(tail_mask(t), x.v)}; }

JDIT_INLINE __m256i load_16bit(const void* p, Full) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
JDIT_INLINE __m256i load_16bit(const void* p, Tail t) {
  return _mm256_maskz_loadu_epi16(tail_mask(t), p);
}
JDIT_INLINE void store_16bit(void* p, __m256i x, Full) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), x);
}
JDIT_INLINE void store_16bit(void* p, __m256i x, Tail t) {
  _mm256_mask_storeu_epi16(p, tail_mask(t), x);
}
JDIT_INLINE void stream_16bit(void* p, __m256i x) {
  _mm256_stream_si256(static_cast<__m256i*>(p), x);
}

// The upper halves hold x rounded to nearest even; subnormals stay (vcvtneps2bf16 would flush
// them). NaN stays NaN if its lower half is 0: so it is for results of arithmetic with 16-bit
// elements.
JDIT_INLINE __m512i bf16_in_upper_half(Vec x) {
  __m512i u = _mm512_castps_si512(x.v), r = _mm512_add_epi32(u, _mm512_set1_epi32(0x7fff));
  __mmask16 odd = _mm512_test_epi32_mask(u, _mm512_set1_epi32(0x10000));
  return _mm512_mask_add_epi32(r, odd, r, _mm512_set1_epi32(1));
}
JDIT_INLINE __m256i upper_halves(__m512i u) {
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(u, 16));
}
JDIT_INLINE __m256i to_16bit(Vec x, bf16) {
  __mmask16 nan = _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q);
  return upper_halves(_mm512_mask_or_epi32(bf16_in_upper_half(x), nan, _mm512_castps_si512(x.v),
                                           _mm512_set1_epi32(0x400000)));
}
JDIT_INLINE __m256i exact_to_16bit(Vec x, bf16) { return upper_halves(_mm512_castps_si512(x.v)); }
JDIT_INLINE __m256i to_16bit(Vec x, f16) {
  return _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
JDIT_INLINE __m256i exact_to_16bit(Vec x, f16) { return to_16bit(x, f16{}); }
JDIT_INLINE Vec from_16bit(__m256i x, bf16) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16))};
}
JDIT_INLINE Vec from_16bit(__m256i x, f16) { return {_mm512_cvtph_ps(x)}; }

JDIT_INLINE Vec round_bf16(Vec x) {
  return {_mm512_castsi512_ps(
      _mm512_and_si512(bf16_in_upper_half(x), _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
}
JDIT_INLINE Vec round_f16(Vec x) { return from_16bit(to_16bit(x, f16{}), f16{}); }

JDIT_INLINE Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
JDIT_INLINE Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
JDIT_INLINE Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
JDIT_INLINE Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
JDIT_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
JDIT_INLINE Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
JDIT_INLINE Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
JDIT_INLINE Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
JDIT_INLINE Vec round_to_integer(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

// x * 2^n for integers n in [-127, 128] and x in [0.7, 1.5]; 0 for -127, not a slow subnormal.
JDIT_INLINE Vec scale_by_power(Vec x, Vec n) {
  __mmask16 normal = _mm512_cmp_ps_mask(n.v, _mm512_set1_ps(-127.0f), _CMP_NEQ_UQ);
  return {_mm512_maskz_scalef_ps(normal, x.v, n.v)};
}

// (x0 c0 - x1 s0, x1 c1 + x0 s1, ...): every pair of lanes turned by its angle. AVX-512 has no
// addsub; the multiplication by one in fmaddsub is exact.
JDIT_INLINE Vec rotate_pairs(Vec x, Vec cos, Vec sin) {
  __m512 swapped = _mm512_permute_ps(x.v, 0xb1);
  return {_mm512_fmaddsub_ps(_mm512_mul_ps(x.v, cos.v), _mm512_set1_ps(1.0f),
                             _mm512_mul_ps(swapped, sin.v))};
}

JDIT_INLINE float first_lane(Vec a) { return _mm512_cvtss_f32(a.v); }
JDIT_INLINE float sum(Vec a) { return _mm512_reduce_add_ps(a.v); }
JDIT_INLINE float maximum(Vec a) { return _mm512_reduce_max_ps(a.v); }

// Sums of float32 lanes kept in double.
struct DoubleSum {
  __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
  JDIT_INLINE void add(Vec a) {
    low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(a.v)));
    high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1)));
  }
  JDIT_INLINE double value() const { return _mm512_reduce_add_pd(_mm512_add_pd(low, high)); }
};

}  // namespace JDIT_ISA
}  // namespace jdit

#include "simd_16bit.h"
