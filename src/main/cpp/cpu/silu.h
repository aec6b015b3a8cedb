// SiLU, x sigmoid(x), as x / (1 + e^-x).
#pragma once

#include "simd.h"

namespace jdit {
namespace JDIT_ISA {

JDIT_INLINE Vec silu(Vec x) {
  constexpr float kMinusLog2E = -1.44269504f;
  return x / (broadcast(1.0f) + exp2(x * broadcast(kMinusLog2E)));
}

}  // namespace JDIT_ISA
}  // namespace jdit
