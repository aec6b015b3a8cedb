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

JDIT_INLINE Vec from_8bit(__m128i codes) {
  __m256i u = _mm256_cvtepu8_epi16(codes), low = _mm256_and_si256(u, _mm256_set1_epi16(0x7f));
  // As float16 the exponent is 8 too small, in subnormals too.
  __m256i half = _mm256_or_si256(_mm256_slli_epi16(low, 7),
                                 _mm256_slli_epi16(_mm256_sub_epi16(u, low), 8));
  __mmask16 nan = _mm256_cmpeq_epi16_mask(low, _mm256_set1_epi16(0x7f));
  return {_mm512_mask_mov_ps(_mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0f)), nan,
                             _mm512_set1_ps(__builtin_nanf("")))};
}
JDIT_INLINE __m128i to_8bit(Vec x) {
  __m512i u = _mm512_castps_si512(x.v);
  __m512 magnitude = _mm512_abs_ps(x.v), shift = _mm512_set1_ps(0x1p14f);
  __m512i code = _mm512_add_epi32(_mm512_castps_si512(magnitude),
                                  _mm512_set1_epi32(0x7ffff - (120 << 23)));
  __mmask16 odd = _mm512_test_epi32_mask(u, _mm512_set1_epi32(1 << 20));
  code = _mm512_srli_epi32(_mm512_mask_add_epi32(code, odd, code, _mm512_set1_epi32(1)), 20);
  // Subnormal: the addition aligns the mantissa and rounds it to nearest even.
  __mmask16 small = _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(0x1p-6f), _CMP_LT_OQ);
  code = _mm512_mask_sub_epi32(code, small, _mm512_castps_si512(_mm512_add_ps(magnitude, shift)),
                               _mm512_castps_si512(shift));
  // code | (u >> 24 & 0x80)
  return _mm512_cvtepi32_epi8(_mm512_ternarylogic_epi32(code, _mm512_srli_epi32(u, 24),
                                                        _mm512_set1_epi32(0x80), 0xf8));
}
JDIT_INLINE Vec load(const e4m3* p, Full) {
  return from_8bit(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
JDIT_INLINE Vec load(const e4m3* p, Tail t) {
  return from_8bit(_mm_maskz_loadu_epi8(tail_mask(t), p));
}
JDIT_INLINE void store(e4m3* p, Vec x, Full) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), to_8bit(x));
}
JDIT_INLINE void store(e4m3* p, Vec x, Tail t) {
  _mm_mask_storeu_epi8(p, tail_mask(t), to_8bit(x));
}

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

// 2^x for x <= 0, 2^-126 below that; NaN stays NaN. 2^f = 1 + f q(f) on [0, 1), q fitted for least
// relative error (8e-8).
JDIT_INLINE Vec exp2_of_negative(Vec x) {
  // The constant is the first operand because max returns the second one for NaN.
  __m512 y = _mm512_max_ps(_mm512_set1_ps(-126.0f), x.v);
  __m512 f = _mm512_reduce_ps(y, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  __m512 q = _mm512_set1_ps(0.00186713f);
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(0.009017031f));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(0.055799913f));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(0.24016444f));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(0.6931513f));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(1.0f));
  return {_mm512_scalef_ps(q, y)};
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

// Codes of quantized layers as numbers, and products of integers: lanes of int32.
using Ints = __m512i;

JDIT_INLINE Ints zero_ints() { return _mm512_setzero_si512(); }
JDIT_INLINE Ints broadcast_int(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
JDIT_INLINE Ints load_ints(const void* p) { return _mm512_loadu_si512(p); }
JDIT_INLINE void store_ints(void* p, Ints x) { _mm512_storeu_si512(p, x); }
JDIT_INLINE Ints add_ints(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
JDIT_INLINE Vec to_float(Ints x) { return {_mm512_cvtepi32_ps(x)}; }

JDIT_INLINE Vec load(const int8_t* p, Full) {
  return to_float(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
// The signed half bytes from bit kShift on.
template <int kShift>
JDIT_INLINE Vec load_half_bytes(const uint8_t* p) {
  Ints u = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return to_float(_mm512_srai_epi32(_mm512_slli_epi32(u, 28 - kShift), 28));
}
// Rounded to nearest even and to [-128, 127], plus 128.
JDIT_INLINE void store_offset_codes(uint8_t* p, Vec x) {
  __m128i codes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x.v));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_xor_si128(codes, _mm_set1_epi8(-128)));
}
// Integers, after rounding to nearest even, as their lower bits.
JDIT_INLINE void store_low_bits(uint8_t* p, Vec x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x.v)));
}
JDIT_INLINE void store_low_bits(int16_t* p, Vec x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(x.v)));
}
// 2 kLanes bytes without sign as pairs of int16.
JDIT_INLINE Ints load_offset_pairs(const uint8_t* p) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
// Bytes kFirst and kFirst + 1 of every four, with sign, as a pair of int16.
template <int kFirst>
JDIT_INLINE Ints pairs_of_quads(Ints quads) {
  constexpr char k = kFirst;
  __m128i bytes = _mm_setr_epi8(-1, k, -1, k + 1, -1, k + 4, -1, k + 5, -1, k + 8, -1, k + 9, -1,
                                k + 12, -1, k + 13);
  return _mm512_srai_epi16(_mm512_shuffle_epi8(quads, _mm512_broadcast_i32x4(bytes)), 8);
}
// c + a0 b0 + a1 b1 of pairs of int16.
JDIT_INLINE Ints multiply_add_pairs(Ints a, Ints b, Ints c) {
  return add_ints(c, _mm512_madd_epi16(a, b));
}
#if defined(JDIT_VNNI)
// c + a0 b0 + ... + a3 b3 of bytes, those of a without sign.
JDIT_INLINE Ints multiply_add_quads(Ints a, Ints b, Ints c) { return _mm512_dpbusd_epi32(c, a, b); }
#endif

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
