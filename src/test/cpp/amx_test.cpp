// multiply() by AMX's tiles, over their emulation, against plain loops: whole and odd blocks of
// rows, columns and depth. Needs AVX-512 with bfloat16, for what the tiles leave.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cpu/gemm_tile.h"

using namespace jdit::JDIT_ISA;

namespace {

struct IntSums {
  int32_t* c;
  int64_t stride;
  Ints start(int64_t r, int64_t n) const { return load_ints(c + r * stride + n); }
  void finish(int64_t r, int64_t n, Ints sum) const { store_ints(c + r * stride + n, sum); }
};

float number(uint32_t unit, int i) {
  uint32_t bits = i == 0 ? unit << 16 : unit & 0xffff0000u;
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

// A bfloat16 of [-2, 2] with few bits.
uint32_t pair() {
  auto one = [] {
    float x = static_cast<float>(std::rand() % 129 - 64) / 32;
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return bits >> 16;
  };
  return one() | one() << 16;
}

void check(bool condition, const char* what, int64_t rows, int64_t columns, int64_t depth) {
  if (condition) return;
  std::printf("%s: wrong for %ld rows, %ld columns, depth %ld\n", what, static_cast<long>(rows),
              static_cast<long>(columns), static_cast<long>(depth));
  std::exit(1);
}

void test(int64_t rows, int64_t columns, int64_t depth) {
  int64_t stride = (columns + kLanes - 1) / kLanes * kLanes;
  int64_t panels = (columns + kPanel - 1) / kPanel, a_stride = depth + 3;
  std::vector<uint32_t> a(rows * a_stride), b(panels * kPanel * depth);
  auto unit_b = [&](int64_t d, int64_t n) {
    return b[n / kPanel * kPanel * depth + d * kPanel + n % kPanel];
  };

  for (auto& unit : a) unit = static_cast<uint32_t>(std::rand()) * 2654435761u;
  for (auto& unit : b) unit = static_cast<uint32_t>(std::rand()) * 2654435761u;
  std::vector<int32_t> c(rows * stride, 7);
  Tiles tiles;
  multiply<IntStep>(a.data(), a_stride, b.data(), depth, rows, columns, IntSums{c.data(), stride});
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t n = 0; n < columns; n++) {
      int32_t sum = 7;
      for (int64_t d = 0; d < depth; d++) {
        for (int i = 0; i < 4; i++) {
          sum += static_cast<uint8_t>(a[r * a_stride + d] >> 8 * i) *
                 static_cast<int8_t>(unit_b(d, n) >> 8 * i);
        }
      }
      check(c[r * stride + n] == sum, "int8", rows, columns, depth);
    }
  }

  for (auto& unit : a) unit = pair();
  for (auto& unit : b) unit = pair();
  std::vector<float> f(rows * stride, 1), scale(rows, 0.5f);
  multiply<Bf16PairStep>(a.data(), a_stride, b.data(), depth, rows, columns,
                         RescaledSums{{f.data(), stride}, scale.data()});
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t n = 0; n < columns; n++) {
      double sum = 0.5;
      for (int64_t d = 0; d < depth; d++) {
        for (int i = 0; i < 2; i++) sum += number(a[r * a_stride + d], i) * number(unit_b(d, n), i);
      }
      check(std::fabs(f[r * stride + n] - sum) < 1e-3, "bfloat16", rows, columns, depth);
    }
  }
}

}  // namespace

int main() {
  for (int64_t rows : {1, 6, 15, 16, 31, 32, 33, 48, 70, 96}) {
    for (int64_t columns : {1, 16, 17, 32, 40, 64, 65, 130}) {
      for (int64_t depth : {1, 8, 16, 20, 32, 48}) test(rows, columns, depth);
    }
  }
  std::puts("amx: ok");
}
