// Portable vectors: four floats and plain loops, for processors without AVX2 and as a reference.
#pragma once

#include <cmath>

namespace jdit {
namespace JDIT_ISA {

inline constexpr int64_t kLanes = 4;

// Whether stream_exact() differs from store_exact().
inline constexpr bool kHasStreams = false;

struct Vec {
  float lane[kLanes];
};

JDIT_INLINE uint32_t bits_of(float x) {
  uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}
JDIT_INLINE float float_of(uint32_t u) {
  float x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}

JDIT_INLINE float widen(float x) { return x; }
JDIT_INLINE float widen(bf16 x) { return float_of(static_cast<uint32_t>(x.bits) << 16); }
JDIT_INLINE float widen(f16 x) {
  uint32_t sign = (x.bits & 0x8000u) << 16, exponent = (x.bits >> 10) & 31,
           mantissa = x.bits & 0x3ffu;
  if (exponent == 31) return float_of(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) return float_of(sign | bits_of(static_cast<float>(mantissa) * 0x1p-24f));
  return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
}

JDIT_INLINE void narrow(float x, float* out) { *out = x; }
JDIT_INLINE void narrow(float x, bf16* out) {
  uint32_t u = bits_of(x);
  out->bits = x != x ? static_cast<uint16_t>(u >> 16 | 0x40)
                     : static_cast<uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
JDIT_INLINE void narrow(float x, f16* out) {
  uint32_t u = bits_of(x), sign = u >> 16 & 0x8000u;
  u &= 0x7fffffffu;
  uint32_t half;
  if (u > 0x7f800000u) {
    half = 0x7e00;
  } else if (u >= 0x477ff000u) {
    half = 0x7c00;
  } else if (u < 0x38800000u) {
    // Subnormal: the addition aligns the mantissa and rounds it to nearest even.
    half = bits_of(float_of(u) + 0.5f) - bits_of(0.5f);
  } else {
    half = (u + 0xfff + (u >> 13 & 1) - (112u << 23)) >> 13;
  }
  out->bits = static_cast<uint16_t>(sign | half);
}

JDIT_INLINE float widen(e4m3 x) {
  uint32_t sign = (x.bits & 0x80u) << 24, magnitude = x.bits & 0x7fu;
  if (magnitude == 0x7f) return float_of(sign | 0x7fc00000u);
  if (magnitude < 8) return float_of(sign | bits_of(static_cast<float>(magnitude) * 0x1p-9f));
  return float_of(sign | ((magnitude << 20) + (120u << 23)));
}
JDIT_INLINE void narrow(float x, e4m3* out) {
  uint32_t u = bits_of(x), sign = u >> 24 & 0x80u;
  u &= 0x7fffffffu;
  uint32_t code;
  if (u < bits_of(0x1p-6f)) {
    // Subnormal: the addition aligns the mantissa and rounds it to nearest even.
    code = bits_of(float_of(u) + 0x1p14f) - bits_of(0x1p14f);
  } else {
    code = (u + 0x7ffff + (u >> 20 & 1) - (120u << 23)) >> 20;
  }
  out->bits = static_cast<uint8_t>(sign | code);
}

#define JDIT_LANES(expression)                               \
  Vec r;                                                     \
  for (int64_t i = 0; i < kLanes; i++) r.lane[i] = expression; \
  return r

JDIT_INLINE Vec broadcast(float x) { JDIT_LANES(x); }
template <class T>
JDIT_INLINE Vec load(const T* p, Full) { JDIT_LANES(widen(p[i])); }
template <class T>
JDIT_INLINE Vec load(const T* p, Tail t) { JDIT_LANES(i < t.count ? widen(p[i]) : 0.0f); }
template <class T>
JDIT_INLINE void store(T* p, Vec x, Full) {
  for (int64_t i = 0; i < kLanes; i++) narrow(x.lane[i], p + i);
}
template <class T>
JDIT_INLINE void store(T* p, Vec x, Tail t) {
  for (int64_t i = 0; i < t.count; i++) narrow(x.lane[i], p + i);
}
template <class T, class Lanes>
JDIT_INLINE void store_exact(T* p, Vec x, Lanes lanes) { store(p, x, lanes); }
template <class T, class Lanes>
JDIT_INLINE void stream_exact(T* p, Vec x, Lanes lanes) { store(p, x, lanes); }
JDIT_INLINE void finish_streams() {}

// The lanes that take part; 0 in the others.
JDIT_INLINE Vec keep(Vec x, Full) { return x; }
JDIT_INLINE Vec keep(Vec x, Tail t) { JDIT_LANES(i < t.count ? x.lane[i] : 0.0f); }

JDIT_INLINE Vec operator+(Vec a, Vec b) { JDIT_LANES(a.lane[i] + b.lane[i]); }
JDIT_INLINE Vec operator-(Vec a, Vec b) { JDIT_LANES(a.lane[i] - b.lane[i]); }
JDIT_INLINE Vec operator*(Vec a, Vec b) { JDIT_LANES(a.lane[i] * b.lane[i]); }
JDIT_INLINE Vec operator/(Vec a, Vec b) { JDIT_LANES(a.lane[i] / b.lane[i]); }
JDIT_INLINE Vec fma(Vec a, Vec b, Vec c) { JDIT_LANES(a.lane[i] * b.lane[i] + c.lane[i]); }
JDIT_INLINE Vec max(Vec a, Vec b) { JDIT_LANES(a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]); }
JDIT_INLINE Vec min(Vec a, Vec b) { JDIT_LANES(a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]); }
JDIT_INLINE Vec abs(Vec a) { JDIT_LANES(float_of(bits_of(a.lane[i]) & 0x7fffffffu)); }
JDIT_INLINE Vec round_to_integer(Vec a) { JDIT_LANES(__builtin_rintf(a.lane[i])); }
JDIT_INLINE Vec round_bf16(Vec a) {
  Vec r;
  for (int64_t i = 0; i < kLanes; i++) {
    bf16 b;
    narrow(a.lane[i], &b);
    r.lane[i] = widen(b);
  }
  return r;
}
JDIT_INLINE Vec round_f16(Vec a) {
  Vec r;
  for (int64_t i = 0; i < kLanes; i++) {
    f16 h;
    narrow(a.lane[i], &h);
    r.lane[i] = widen(h);
  }
  return r;
}

// x * 2^n for integers n in [-127, 128] and x in [0.7, 1.5]; 0 for -127.
JDIT_INLINE Vec scale_by_power(Vec x, Vec n) {
  Vec r;
  for (int64_t i = 0; i < kLanes; i++) {
    // A NaN must not reach the conversion to int, which would be undefined.
    int32_t e = n.lane[i] == n.lane[i] ? static_cast<int32_t>(n.lane[i]) : 0;
    r.lane[i] = e == 128 ? x.lane[i] * 0x1p127f * 2.0f
                         : x.lane[i] * float_of(static_cast<uint32_t>(e + 127) << 23);
  }
  return r;
}

// (x0 c0 - x1 s0, x1 c1 + x0 s1, ...): every pair of lanes turned by its angle.
JDIT_INLINE Vec rotate_pairs(Vec x, Vec cos, Vec sin) {
  Vec r;
  for (int64_t i = 0; i < kLanes; i += 2) {
    r.lane[i] = x.lane[i] * cos.lane[i] - x.lane[i + 1] * sin.lane[i];
    r.lane[i + 1] = x.lane[i + 1] * cos.lane[i + 1] + x.lane[i] * sin.lane[i + 1];
  }
  return r;
}

JDIT_INLINE float first_lane(Vec a) { return a.lane[0]; }
JDIT_INLINE float sum(Vec a) { return (a.lane[0] + a.lane[1]) + (a.lane[2] + a.lane[3]); }
JDIT_INLINE float maximum(Vec a) {
  float m = a.lane[0];
  for (int64_t i = 1; i < kLanes; i++) m = a.lane[i] > m ? a.lane[i] : m;
  return m;
}

// Sums of float32 lanes kept in double.
struct DoubleSum {
  double total = 0;
  JDIT_INLINE void add(Vec a) {
    for (int64_t i = 0; i < kLanes; i++) total += a.lane[i];
  }
  JDIT_INLINE double value() const { return total; }
};

#undef JDIT_LANES

}  // namespace JDIT_ISA
}  // namespace jdit
