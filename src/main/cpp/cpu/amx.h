// Products by AMX (Intel Xeon from Sapphire Rapids on): 16 x 16 sums of 64 bytes of depth in one
// instruction, eight times what a vector instruction does. The operands of gemm_tile.h lie as its
// tiles want them.
#pragma once

#include <immintrin.h>

#include <type_traits>

#include "simd.h"

namespace jdit {
namespace JDIT_ISA {

inline constexpr int64_t kSide = 16;

// Tiles 0 to 3 hold sums, 4 and 5 rows of A, 6 and 7 columns of B; all of 16 rows of 64 bytes. A
// thread has to hold one of these while it multiplies.
class Tiles {
 public:
  Tiles() { _tile_loadconfig(&kShapes); }
  ~Tiles() { _tile_release(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

 private:
  struct alignas(64) Shapes {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  };
  static constexpr Shapes kShapes = {
      1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
};

// A [32 or 16 rows, depth], of which `second` begins the last 16, times 32 columns of a panel;
// depth is a multiple of 16 units.
template <class Step>
void tile_products(const void* first, const void* second, int64_t a_bytes, const void* b,
                   int64_t b_bytes, int64_t depth, int32_t (*sums)[2 * kSide]) {
  // The compiler does not know what the instructions read.
  asm volatile("" ::: "memory");
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  auto a0 = static_cast<const char*>(first), a1 = static_cast<const char*>(second);
  auto columns = static_cast<const char*>(b);
  for (int64_t d = 0; d < depth; d += kSide) {
    _tile_loadd(4, a0 + d * 4, a_bytes);
    _tile_loadd(5, a1 + d * 4, a_bytes);
    _tile_loadd(6, columns + d * b_bytes, b_bytes);
    _tile_loadd(7, columns + d * b_bytes + 64, b_bytes);
    Step::multiply_tiles();
  }
  constexpr int64_t kBytes = sizeof *sums;
  _tile_stored(0, sums[0], kBytes);
  _tile_stored(1, sums[0] + kSide, kBytes);
  _tile_stored(2, sums[kSide], kBytes);
  _tile_stored(3, sums[kSide] + kSide, kBytes);
}

// As many rows of multiply() as it can, from the first on; returns their number.
template <class Step, int64_t kPanel, class Sums>
int64_t multiply_by_tiles(const typename Step::Unit* a, int64_t a_stride,
                          const typename Step::Unit* b, int64_t depth, int64_t rows,
                          int64_t columns, Sums c) {
  if (depth % kSide != 0) return 0;
  rows = rows / kSide * kSide;
  alignas(64) int32_t sums[2 * kSide][2 * kSide];
  for (int64_t n = 0; n < columns; n += 2 * kSide) {
    const auto* panel = b + n / kPanel * kPanel * depth + n % kPanel;
    for (int64_t r = 0; r < rows; r += 2 * kSide) {
      int64_t count = rows - r < 2 * kSide ? kSide : 2 * kSide;
      const auto* first = a + r * a_stride;
      tile_products<Step>(first, first + (count - kSide) * a_stride, a_stride * 4, panel,
                          kPanel * 4, depth, sums);
      for (int64_t i = 0; i < count; i++) {
        for (int64_t v = 0; v < 2 * kSide && n + v < columns; v += kLanes) {
          typename Step::Sum start = c.start(r + i, n + v);
          c.finish(r + i, n + v, Step::add(start, sums[i] + v));
        }
      }
    }
  }
  return rows;
}

}  // namespace JDIT_ISA
}  // namespace jdit
