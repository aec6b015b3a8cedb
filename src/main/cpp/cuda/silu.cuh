// SiLU, x sigmoid(x), as x / (1 + e^-x).
#pragma once

#include "device.cuh"

namespace jdit {

// For a result that is rounded to T.
template <class T>
__device__ inline float silu(float x) {
  constexpr float kMinusLog2E = -1.44269504f;
  float d = 1.0f + exp2f(x * kMinusLog2E);
  // As in gelu(): exact division takes longer than memory does.
  return sizeof(T) == 2 ? __fdividef(x, d) : x / d;
}

}  // namespace jdit
