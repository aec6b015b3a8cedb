#pragma once

#include "cuda_fp16.h"

enum __nv_saturation_t { __NV_NOSAT, __NV_SATFINITE };
enum __nv_fp8_interpretation_t { __NV_E4M3, __NV_E5M2 };
using __nv_fp8_storage_t = uint8_t;
using __nv_fp8x2_storage_t = uint16_t;
struct float2 {
  float x, y;
};

namespace emulation {

// 1 sign, 4 exponent bits with bias 7, 3 mantissa bits; 0x7f is NaN.
inline float e4m3(int code) {
  int exponent = code >> 3 & 15, mantissa = code & 7;
  float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                  : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  if ((code & 0x7f) == 0x7f) magnitude = NAN;
  return code & 0x80 ? -magnitude : magnitude;
}

}  // namespace emulation

// By search: the nearest code, the even one of two.
inline __nv_fp8_storage_t __nv_cvt_float_to_fp8(float x, __nv_saturation_t saturation,
                                                __nv_fp8_interpretation_t type) {
  if (saturation != __NV_SATFINITE || type != __NV_E4M3) std::abort();
  if (std::isnan(x)) return 0x7f;
  float magnitude = std::fabs(x);
  int low = 0, high = 0x7e;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    (emulation::e4m3(middle) <= magnitude ? low : high) = middle;
  }
  double below = static_cast<double>(magnitude) - emulation::e4m3(low);
  double above = static_cast<double>(emulation::e4m3(high)) - magnitude;
  int code = below < above || (below == above && low % 2 == 0) ? low : high;
  return static_cast<uint8_t>(code | (std::signbit(x) ? 0x80 : 0));
}
inline __nv_fp8x2_storage_t __nv_cvt_float2_to_fp8x2(float2 x, __nv_saturation_t saturation,
                                                     __nv_fp8_interpretation_t type) {
  return static_cast<uint16_t>(__nv_cvt_float_to_fp8(x.x, saturation, type) |
                               __nv_cvt_float_to_fp8(x.y, saturation, type) << 8);
}
inline __half_raw __nv_cvt_fp8_to_halfraw(__nv_fp8_storage_t code, __nv_fp8_interpretation_t type) {
  if (type != __NV_E4M3) std::abort();
  __half half(static_cast<_Float16>(emulation::e4m3(code)));
  __half_raw raw;
  std::memcpy(&raw.x, &half.value, 2);
  return raw;
}
