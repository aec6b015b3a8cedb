// GELU with the tanh approximation, as x / (1 + e^(-2u)): no cancellation for negative x.
#pragma once

#include "device.cuh"

namespace jdit {

// For a result that is rounded to T.
template <class T>
__device__ inline float gelu(float x) {
  constexpr float kLinear = -2.302208198f;  // -2 sqrt(2/pi) log2(e)
  constexpr float kCubic = -0.1029432396f;  // the same times 0.044715
  float d = 1.0f + exp2f(x * fmaf(x * x, kCubic, kLinear));
  // Two units in float32's last place do not show in 16 bits, and exact division takes longer
  // than memory does.
  return sizeof(T) == 2 ? __fdividef(x, d) : x / d;
}

}  // namespace jdit
