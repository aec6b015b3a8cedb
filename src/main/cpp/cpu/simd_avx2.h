// Vectors of eight floats: AVX2, FMA and F16C.
#pragma once

#include <immintrin.h>

namespace jdit {
namespace JDIT_ISA {

inline constexpr int64_t kLanes = 8;

// Whether stream_exact() differs from store_exact().
inline constexpr bool kHasStreams = true;

struct Vec {
  __m256 v;
};

JDIT_INLINE Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }

JDIT_INLINE __m256i tail_mask(Tail t) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(t.count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
JDIT_INLINE Vec load(const float* p, Full) { return {_mm256_loadu_ps(p)}; }
JDIT_INLINE Vec load(const float* p, Tail t) { return {_mm256_maskload_ps(p, tail_mask(t))}; }
JDIT_INLINE void store(float* p, Vec x, Full) { _mm256_storeu_ps(p, x.v); }
JDIT_INLINE void store(float* p, Vec x, Tail t) { _mm256_maskstore_ps(p, tail_mask(t), x.v); }
JDIT_INLINE void stream_32bit(float* p, Vec x) { _mm256_stream_ps(p, x.v); }

// The lanes that take part; 0 in the others.
JDIT_INLINE Vec keep(Vec x, Full) { return x; }
JDIT_INLINE Vec keep(Vec x, Tail t) {
  return {_mm256_and_ps(x.v, _mm256_castsi256_ps(tail_mask(t)))};
}

JDIT_INLINE __m128i load_16bit(const void* p, Full) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
JDIT_INLINE __m128i load_16bit(const void* p, Tail t) {
  __m128i v = _mm_setzero_si128();
  std::memcpy(&v, p, static_cast<size_t>(t.count) * 2);
  return v;
}
JDIT_INLINE void store_16bit(void* p, __m128i x, Full) {
  _mm_storeu_si128(static_cast<__m128i*>(p), x);
}
JDIT_INLINE void store_16bit(void* p, __m128i x, Tail t) {
  std::memcpy(p, &x, static_cast<size_t>(t.count) * 2);
}
JDIT_INLINE void stream_16bit(void* p, __m128i x) {
  _mm_stream_si128(static_cast<__m128i*>(p), x);
}

// The upper halves hold x rounded to nearest even; subnormals stay. NaN stays NaN if its lower half
// is 0: so it is for results of arithmetic with 16-bit elements.
JDIT_INLINE __m256i bf16_in_upper_half(Vec x) {
  __m256i u = _mm256_castps_si256(x.v);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  return _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
}
JDIT_INLINE __m128i upper_halves(__m256i u) {
  __m256i r = _mm256_srli_epi32(u, 16);
  return _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
}
JDIT_INLINE __m128i to_16bit(Vec x, bf16) {
  __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x.v, x.v, _CMP_UNORD_Q));
  __m256i quiet = _mm256_or_si256(_mm256_castps_si256(x.v), _mm256_set1_epi32(0x400000));
  return upper_halves(_mm256_blendv_epi8(bf16_in_upper_half(x), quiet, nan));
}
JDIT_INLINE __m128i exact_to_16bit(Vec x, bf16) { return upper_halves(_mm256_castps_si256(x.v)); }
JDIT_INLINE __m128i to_16bit(Vec x, f16) {
  return _mm256_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
JDIT_INLINE __m128i exact_to_16bit(Vec x, f16) { return to_16bit(x, f16{}); }
JDIT_INLINE Vec from_16bit(__m128i x, bf16) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16))};
}
JDIT_INLINE Vec from_16bit(__m128i x, f16) { return {_mm256_cvtph_ps(x)}; }

// The lower eight bytes of `codes`.
JDIT_INLINE Vec from_8bit(__m128i codes) {
  __m128i u = _mm_cvtepu8_epi16(codes), low = _mm_and_si128(u, _mm_set1_epi16(0x7f));
  // As float16 the exponent is 8 too small, in subnormals too.
  __m128i half = _mm_or_si128(_mm_slli_epi16(low, 7), _mm_slli_epi16(_mm_sub_epi16(u, low), 8));
  __m256i nan = _mm256_cvtepi16_epi32(_mm_cmpeq_epi16(low, _mm_set1_epi16(0x7f)));
  // A NaN whose lower half is 0, as round_bf16() wants it.
  return {_mm256_or_ps(_mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f)),
                       _mm256_castsi256_ps(_mm256_slli_epi32(nan, 22)))};
}
JDIT_INLINE __m128i to_8bit(Vec x) {
  __m256i u = _mm256_castps_si256(x.v), odd = _mm256_srli_epi32(_mm256_slli_epi32(u, 11), 31);
  __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x.v), shift = _mm256_set1_ps(0x1p14f);
  __m256i code = _mm256_add_epi32(_mm256_castps_si256(magnitude),
                                  _mm256_set1_epi32(0x7ffff - (120 << 23)));
  code = _mm256_srli_epi32(_mm256_add_epi32(code, odd), 20);
  // Subnormal: the addition aligns the mantissa and rounds it to nearest even.
  __m256i small_code = _mm256_sub_epi32(_mm256_castps_si256(_mm256_add_ps(magnitude, shift)),
                                        _mm256_castps_si256(shift));
  __m256 small = _mm256_cmp_ps(magnitude, _mm256_set1_ps(0x1p-6f), _CMP_LT_OQ);
  code = _mm256_blendv_epi8(code, small_code, _mm256_castps_si256(small));
  code = _mm256_or_si256(code, _mm256_slli_epi32(_mm256_srli_epi32(u, 31), 7));
  __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(code), _mm256_extracti128_si256(code, 1));
  return _mm_packus_epi16(words, words);
}
JDIT_INLINE Vec load(const e4m3* p, Full) {
  return from_8bit(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
JDIT_INLINE Vec load(const e4m3* p, Tail t) {
  __m128i codes = _mm_setzero_si128();
  std::memcpy(&codes, p, static_cast<size_t>(t.count));
  return from_8bit(codes);
}
JDIT_INLINE void store(e4m3* p, Vec x, Full) {
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), to_8bit(x));
}
JDIT_INLINE void store(e4m3* p, Vec x, Tail t) {
  __m128i codes = to_8bit(x);
  std::memcpy(p, &codes, static_cast<size_t>(t.count));
}

JDIT_INLINE Vec round_bf16(Vec x) {
  return {_mm256_castsi256_ps(
      _mm256_and_si256(bf16_in_upper_half(x), _mm256_set1_epi32(static_cast<int>(0xffff0000u))))};
}
JDIT_INLINE Vec round_f16(Vec x) { return from_16bit(to_16bit(x, f16{}), f16{}); }

JDIT_INLINE Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
JDIT_INLINE Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
JDIT_INLINE Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
JDIT_INLINE Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
JDIT_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
JDIT_INLINE Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
JDIT_INLINE Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
JDIT_INLINE Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
JDIT_INLINE Vec round_to_integer(Vec a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

// x * 2^n for integers n in [-127, 128] and x in [0.7, 1.5]; 0 for -127. Two factors, since 2^128
// has no representation.
JDIT_INLINE Vec scale_by_power(Vec x, Vec n) {
  __m256i e = _mm256_cvtps_epi32(n.v);
  __m256i top = _mm256_srli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(128)), 8);
  __m256i low = _mm256_slli_epi32(
      _mm256_add_epi32(_mm256_sub_epi32(e, top), _mm256_set1_epi32(127)), 23);
  __m256i high = _mm256_slli_epi32(_mm256_add_epi32(top, _mm256_set1_epi32(127)), 23);
  return {_mm256_mul_ps(_mm256_mul_ps(x.v, _mm256_castsi256_ps(low)), _mm256_castsi256_ps(high))};
}

// (x0 c0 - x1 s0, x1 c1 + x0 s1, ...): every pair of lanes turned by its angle.
JDIT_INLINE Vec rotate_pairs(Vec x, Vec cos, Vec sin) {
  __m256 swapped = _mm256_permute_ps(x.v, 0xb1);
  return {_mm256_addsub_ps(_mm256_mul_ps(x.v, cos.v), _mm256_mul_ps(swapped, sin.v))};
}

JDIT_INLINE float first_lane(Vec a) { return _mm256_cvtss_f32(a.v); }
JDIT_INLINE float sum(Vec a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
JDIT_INLINE float maximum(Vec a) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

// Codes of quantized layers as numbers, and products of integers: lanes of int32.
using Ints = __m256i;

JDIT_INLINE Ints zero_ints() { return _mm256_setzero_si256(); }
JDIT_INLINE Ints broadcast_int(uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
JDIT_INLINE Ints load_ints(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
JDIT_INLINE void store_ints(void* p, Ints x) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), x);
}
JDIT_INLINE Ints add_ints(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
JDIT_INLINE Vec to_float(Ints x) { return {_mm256_cvtepi32_ps(x)}; }

JDIT_INLINE Vec load(const int8_t* p, Full) {
  return to_float(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
// The signed half bytes from bit kShift on.
template <int kShift>
JDIT_INLINE Vec load_half_bytes(const uint8_t* p) {
  Ints u = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  return to_float(_mm256_srai_epi32(_mm256_slli_epi32(u, 28 - kShift), 28));
}
// Rounded to nearest even and to [-128, 127], plus 128.
JDIT_INLINE void store_offset_codes(uint8_t* p, Vec x) {
  __m256i i = _mm256_cvtps_epi32(x.v);
  __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
  __m128i codes = _mm_xor_si128(_mm_packs_epi16(words, words), _mm_set1_epi8(-128));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), codes);
}
// Integers, after rounding to nearest even, as their lower bits: of [-128, 255], and of int16.
JDIT_INLINE void store_low_bits(uint8_t* p, Vec x) {
  __m256i i = _mm256_and_si256(_mm256_cvtps_epi32(x.v), _mm256_set1_epi32(255));
  __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}
JDIT_INLINE void store_low_bits(int16_t* p, Vec x) {
  __m256i i = _mm256_cvtps_epi32(x.v);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1)));
}
// 2 kLanes bytes without sign as pairs of int16.
JDIT_INLINE Ints load_offset_pairs(const uint8_t* p) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
// Bytes kFirst and kFirst + 1 of every four, with sign, as a pair of int16.
template <int kFirst>
JDIT_INLINE Ints pairs_of_quads(Ints quads) {
  constexpr char k = kFirst;
  __m128i bytes = _mm_setr_epi8(-1, k, -1, k + 1, -1, k + 4, -1, k + 5, -1, k + 8, -1, k + 9, -1,
                                k + 12, -1, k + 13);
  return _mm256_srai_epi16(_mm256_shuffle_epi8(quads, _mm256_broadcastsi128_si256(bytes)), 8);
}
// c + a0 b0 + a1 b1 of pairs of int16.
JDIT_INLINE Ints multiply_add_pairs(Ints a, Ints b, Ints c) {
  return add_ints(c, _mm256_madd_epi16(a, b));
}
#if defined(JDIT_VNNI)
// c + a0 b0 + ... + a3 b3 of bytes, those of a without sign.
JDIT_INLINE Ints multiply_add_quads(Ints a, Ints b, Ints c) { return _mm256_dpbusd_epi32(c, a, b); }
#endif

// Sums of float32 lanes kept in double.
struct DoubleSum {
  __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
  JDIT_INLINE void add(Vec a) {
    low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(a.v)));
    high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(a.v, 1)));
  }
  JDIT_INLINE double value() const {
    double lanes[4];
    _mm256_storeu_pd(lanes, _mm256_add_pd(low, high));
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
  }
};

}  // namespace JDIT_ISA
}  // namespace jdit

#include "simd_16bit.h"
