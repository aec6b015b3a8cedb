// AMX in plain C++, for processors that have none: included before the code that uses it. Traps
// where a thread multiplies without shapes, and for shapes that are not 16 rows of 64 bytes.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbusd
#undef _tile_dpbf16ps
#define _tile_loadconfig(shapes) emulated_amx::configure(shapes)
#define _tile_release() (emulated_amx::configured = false)
#define _tile_zero(t) std::memset(emulated_amx::tile(t), 0, sizeof(emulated_amx::Tile))
#define _tile_loadd(t, from, stride) emulated_amx::load(t, from, stride)
#define _tile_stored(t, to, stride) emulated_amx::store(t, to, stride)
#define _tile_dpbusd(c, a, b) emulated_amx::dpbusd(c, a, b)
#define _tile_dpbf16ps(c, a, b) emulated_amx::dpbf16ps(c, a, b)

namespace emulated_amx {

using Tile = uint8_t[16][64];

inline thread_local bool configured = false;

inline void require(bool condition) {
  if (!condition) __builtin_trap();
}

inline Tile* tile(int t) {
  static thread_local Tile tiles[8];
  require(configured && t >= 0 && t < 8);
  return &tiles[t];
}

inline void configure(const void* shapes) {
  auto bytes = static_cast<const uint8_t*>(shapes);
  for (int i = 0; i < 64; i++) {
    bool palette = i == 0, width = i >= 16 && i < 32 && i % 2 == 0, rows = i >= 48 && i < 56;
    require(bytes[i] == (palette ? 1 : width ? 64 : rows ? 16 : 0));
  }
  configured = true;
}

inline void load(int t, const void* from, int64_t stride) {
  for (int r = 0; r < 16; r++) {
    std::memcpy((*tile(t))[r], static_cast<const uint8_t*>(from) + r * stride, 64);
  }
}

inline void store(int t, void* to, int64_t stride) {
  for (int r = 0; r < 16; r++) {
    std::memcpy(static_cast<uint8_t*>(to) + r * stride, (*tile(t))[r], 64);
  }
}

// Calls f(sum, 4 bytes of A, 4 bytes of B) for every product of 32-bit units, in order of depth.
template <class Number, class F>
void for_each_product(int c, int a, int b, F f) {
  for (int m = 0; m < 16; m++) {
    for (int n = 0; n < 16; n++) {
      Number sum;
      std::memcpy(&sum, (*tile(c))[m] + 4 * n, 4);
      for (int k = 0; k < 16; k++) f(sum, (*tile(a))[m] + 4 * k, (*tile(b))[k] + 4 * n);
      std::memcpy((*tile(c))[m] + 4 * n, &sum, 4);
    }
  }
}

inline void dpbusd(int c, int a, int b) {
  for_each_product<int32_t>(c, a, b, [](int32_t& sum, const uint8_t* x, const uint8_t* y) {
    for (int i = 0; i < 4; i++) sum += x[i] * static_cast<int8_t>(y[i]);
  });
}

inline void dpbf16ps(int c, int a, int b) {
  auto number = [](const uint8_t* p) {
    uint32_t bits = static_cast<uint32_t>(p[0] | p[1] << 8) << 16;
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  };
  for_each_product<float>(c, a, b, [&](float& sum, const uint8_t* x, const uint8_t* y) {
    for (int i = 0; i < 2; i++) sum += number(x + 2 * i) * number(y + 2 * i);
  });
}

}  // namespace emulated_amx
