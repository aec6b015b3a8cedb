// Numbers as codes of 8 bits, and the magnitudes that their scales are computed from.
#pragma once

#include <cuda_fp8.h>

#include "device.cuh"

namespace jdit {

// The largest magnitude of `values` and `largest`. As integers magnitudes are in order, and NaN is
// above all of them.
template <int N>
__device__ inline uint32_t largest_of(const Values<N>& values, uint32_t largest) {
#pragma unroll
  for (int j = 0; j < N; j++) {
    largest = max(largest, __float_as_uint(values.at[j]) & 0x7fffffffu);
  }
  return largest;
}

// The nearest e4m3 codes, at most 448; of NaN NaN.
template <int N>
__device__ inline Pack<uint8_t, N> encode(const Values<N>& v) {
  Pack<uint8_t, N> codes;
  if constexpr (N == 1) {
    codes.element[0] = __nv_cvt_float_to_fp8(v.at[0], __NV_SATFINITE, __NV_E4M3);
  } else {
#pragma unroll
    for (int j = 0; j < N; j += 2) {
      auto pair = __nv_cvt_float2_to_fp8x2({v.at[j], v.at[j + 1]}, __NV_SATFINITE, __NV_E4M3);
      codes.element[j] = pair & 0xff;
      codes.element[j + 1] = pair >> 8;
    }
  }
  return codes;
}

// x / scale, rounded to nearest, from the rounded reciprocal: two corrections by the remainder,
// which is exact for a finite scale above 2^-90 where the quotient is not below all codes. Shorter
// than the division of the instruction set, once a reciprocal is shared.
__device__ inline float quotient(float x, float scale, float reciprocal) {
  float q = x * reciprocal;
  q = fmaf(fmaf(-q, scale, x), reciprocal, q);
  // The corrections turn -0 into 0.
  return copysignf(fmaf(fmaf(-q, scale, x), reciprocal, q), x);
}

}  // namespace jdit
