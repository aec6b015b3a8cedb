// Activations of quantized layers: codes of 8 bits with a scale for each row.
#pragma once

#include "simd.h"

namespace jdit {
namespace JDIT_ISA {

template <class T>
float rounded_scalar(float x) {
  return first_lane(rounded<T>(broadcast(x)));
}

// A row as int8 plus 128 and its scale; dim is a multiple of 32.
template <class T>
float quantize_int8(const T* x, int64_t dim, uint8_t* codes) {
  float scale = rounded_scalar<T>(magnitude(x, dim) / 127.5f);
  if (scale < 0x1p-23f) scale = 0x1p-23f;
  Vec reciprocal = broadcast(1.0f / scale);
  for (int64_t i = 0; i < dim; i += kLanes) {
    store_offset_codes(codes + i, load(x + i, Full{}) * reciprocal);
  }
  return scale;
}

// A row as e4m3, which bfloat16 holds exactly, and its scale; dim is a multiple of 32.
template <class T>
float quantize_float8(const T* x, int64_t dim, bf16* codes) {
  float scale = rounded_scalar<T>(magnitude(x, dim) / 448.0f);
  if (scale == 0) scale = 1;
  for (int64_t i = 0; i < dim; i += kLanes) {
    Vec v = load(x + i, Full{}) / broadcast(scale);
    v = from_8bit(to_8bit(max(broadcast(-448.0f), min(broadcast(448.0f), v))));
    store_exact(codes + i, v, Full{});
  }
  return scale;
}

}  // namespace JDIT_ISA
}  // namespace jdit
