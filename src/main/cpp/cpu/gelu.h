// GELU with the tanh approximation, 0.5 x (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3), computed
// as x / (1 + e^(-2u)), which has no cancellation for negative x.
#pragma once

#include "simd.h"

namespace jdit {
namespace JDIT_ISA {

JDIT_INLINE Vec gelu(Vec x) {
  constexpr float kLinear = -2.302208198f;   // -2 sqrt(2/pi) log2(e)
  constexpr float kCubic = -0.1029432397f;   // the same times 0.044715
  Vec exponent = x * fma(x * x, broadcast(kCubic), broadcast(kLinear));
  return x / (broadcast(1.0f) + exp2(exponent));
}

}  // namespace JDIT_ISA
}  // namespace jdit
