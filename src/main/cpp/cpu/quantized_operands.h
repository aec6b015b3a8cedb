// The two sides of a quantized layer's product as operands of gemm_tile.h: rows of x, and one panel
// of JDIT_PANEL columns of the weight, which lies in the cache for all rows of a task. Both are cut
// in depth: `k` is the first input of a block and `depth` its number of inputs, multiples of 32.
#pragma once

#include "gemm_tile.h"

namespace jdit {
namespace JDIT_ISA {

static_assert(JDIT_PANEL % kPanel == 0, "a packed panel is a whole number of the tile's");

// Rows of x as units of 32 bits.
template <class Unit>
struct Rows {
  const Unit* units;
  int64_t stride;
};

// Codes of the panel that begins with column `first`, from input k on.
JDIT_INLINE const uint8_t* panel_codes(const QuantizedLinear& a, int64_t first, int64_t k) {
  auto codes = static_cast<const uint8_t*>(a.codes);
  switch (a.format) {
    case JDIT_INT8: return codes + first / JDIT_PANEL * (a.in + 4) * JDIT_PANEL + k * JDIT_PANEL;
    case JDIT_INT4_WEIGHT: return codes + first * (a.in / 2) + k / 2 * JDIT_PANEL;
    case JDIT_BFLOAT16_WEIGHT: return codes + 2 * (first * a.in + k * JDIT_PANEL);
    default: return codes + first * a.in + k * JDIT_PANEL;
  }
}

// Where a column of a packed panel begins among the tile's panels of so many units.
JDIT_INLINE int64_t column_start(int64_t column, int64_t units) {
  return column / kPanel * kPanel * units + column % kPanel;
}

#if defined(JDIT_VNNI)
// Codes as they are, four to a unit, for the instruction vpdpbusd.
struct Int8Operands {
  using Element = uint8_t;
  using Step = IntStep;
  using Unit = uint32_t;
  static constexpr int64_t kElements = kIntCodes;  // of a unit

  static Rows<Unit> rows(const uint8_t* x, int64_t in, int64_t, int64_t, Unit*) {
    return {reinterpret_cast<const Unit*>(x), in / kElements};
  }
  static const Unit* panel(const QuantizedLinear& a, int64_t first, int64_t k, int64_t depth,
                           Unit* to) {
    auto codes = reinterpret_cast<const Unit*>(panel_codes(a, first, k));
    if (kPanel == JDIT_PANEL) return codes;
    for (int64_t c = 0; c < JDIT_PANEL && first + c < a.columns; c += kLanes) {
      Unit* column = to + column_start(c, depth / kElements);
      for (int64_t i = 0; i < depth / kElements; i++, column += kPanel) {
        store_ints(column, load_ints(codes + i * JDIT_PANEL + c));
      }
    }
    return to;
  }
};
#else
// Codes widened to pairs of int16.
struct Int8Operands {
  using Element = uint8_t;
  using Step = IntStep;
  using Unit = uint32_t;
  static constexpr int64_t kElements = kIntCodes;

  static Rows<Unit> rows(const uint8_t* x, int64_t in, int64_t rows, int64_t depth, Unit* to) {
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t k = 0; k < depth; k += 2 * kLanes) {
        store_ints(to + (r * depth + k) / 2, load_offset_pairs(x + r * in + k));
      }
    }
    return {to, depth / 2};
  }
  static const Unit* panel(const QuantizedLinear& a, int64_t first, int64_t k, int64_t depth,
                           Unit* to) {
    const uint8_t* codes = panel_codes(a, first, k);
    for (int64_t c = 0; c < JDIT_PANEL && first + c < a.columns; c += kLanes) {
      Unit* column = to + column_start(c, depth / 2);
      for (int64_t i = 0; i < depth; i += 4) {
        Ints quads = load_ints(codes + i * JDIT_PANEL + 4 * c);
        store_ints(column + i / 2 * kPanel, pairs_of_quads<0>(quads));
        store_ints(column + (i / 2 + 1) * kPanel, pairs_of_quads<2>(quads));
      }
    }
    return to;
  }
};
#endif

// The numbers of all other weights, rounded as those of x; put(to, even, odd) stores two inputs of
// kLanes columns.
template <class Operands>
const typename Operands::Unit* expand(const QuantizedLinear& a, int64_t first, int64_t k,
                                      int64_t depth, typename Operands::Unit* to) {
  using T = typename Operands::Element;
  constexpr int64_t kPair = 2 / Operands::kElements * kPanel;  // units from one pair to the next
  const uint8_t* codes = panel_codes(a, first, k);
  for (int64_t c = 0; c < JDIT_PANEL && first + c < a.columns; c += kLanes) {
    int64_t left = a.columns - first - c;
    Tail lanes{left < kLanes ? left : kLanes};
    auto column = to + column_start(c, depth / Operands::kElements);
    switch (a.format) {
      case JDIT_INT8_WEIGHT:
        for (int64_t i = 0; i < depth; i += 2, column += kPair) {
          auto p = reinterpret_cast<const int8_t*>(codes + i * JDIT_PANEL + c);
          Operands::put(column, load(p, Full{}), load(p + JDIT_PANEL, Full{}));
        }
        break;
      case JDIT_INT4_WEIGHT:
        for (int64_t i = 0; i < depth; i += 32) {
          int64_t at = (k + i) / 32 * a.columns + first + c;
          Vec scale = load(static_cast<const bf16*>(a.scale) + at, lanes);
          Vec zero = load(static_cast<const bf16*>(a.zero) + at, lanes);
          for (int64_t j = i; j < i + 32; j += 2, column += kPair) {
            const uint8_t* p = codes + j / 2 * JDIT_PANEL + c;
            Operands::put(column, rounded<T>(fma(load_half_bytes<0>(p), scale, zero)),
                          rounded<T>(fma(load_half_bytes<4>(p), scale, zero)));
          }
        }
        break;
      case JDIT_BFLOAT16_WEIGHT:
        for (int64_t i = 0; i < depth; i += 2, column += kPair) {
          auto p = reinterpret_cast<const bf16*>(codes) + i * JDIT_PANEL + c;
          Operands::put(column, load(p, Full{}), load(p + JDIT_PANEL, Full{}));
        }
        break;
      default: {
        bool scaled = a.format == JDIT_FLOAT8_WEIGHT;
        Vec scale = scaled ? load(static_cast<const float*>(a.scale) + first + c, lanes)
                           : broadcast(1);
        for (int64_t i = 0; i < depth; i += 2, column += kPair) {
          auto p = reinterpret_cast<const e4m3*>(codes + i * JDIT_PANEL + c);
          Operands::put(column, rounded<T>(load(p, Full{}) * scale),
                        rounded<T>(load(p + JDIT_PANEL, Full{}) * scale));
        }
      }
    }
  }
  return to;
}

// x and the weight in float32.
template <class T>
struct FloatOperands {
  using Element = T;
  using Step = FloatStep;
  using Unit = float;
  static constexpr int64_t kElements = 1;

  static Rows<float> rows(const T* x, int64_t in, int64_t rows, int64_t depth, float* to) {
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t k = 0; k < depth; k += kLanes) {
        store(to + r * depth + k, load(x + r * in + k, Full{}), Full{});
      }
    }
    return {to, depth};
  }
  static const float* panel(const QuantizedLinear& a, int64_t first, int64_t k, int64_t depth,
                            float* to) {
    return expand<FloatOperands>(a, first, k, depth, to);
  }
  static JDIT_INLINE void put(float* to, Vec even, Vec odd) {
    store(to, even, Full{});
    store(to + kPanel, odd, Full{});
  }
};
template <>
JDIT_INLINE Rows<float> FloatOperands<float>::rows(const float* x, int64_t in, int64_t, int64_t,
                                                   float*) {
  return {x, in};
}

#if defined(JDIT_AVX512_BF16)
// Pairs of bfloat16.
struct Bf16Operands {
  using Element = bf16;
  using Step = Bf16PairStep;
  using Unit = uint32_t;
  static constexpr int64_t kElements = 2;

  static Rows<Unit> rows(const bf16* x, int64_t in, int64_t, int64_t, Unit*) {
    return {reinterpret_cast<const Unit*>(x), in / kElements};
  }
  static const Unit* panel(const QuantizedLinear& a, int64_t first, int64_t k, int64_t depth,
                           Unit* to) {
    return expand<Bf16Operands>(a, first, k, depth, to);
  }
  static JDIT_INLINE void put(Unit* to, Vec even, Vec odd) {
    Ints low = _mm512_srli_epi32(_mm512_castps_si512(even.v), 16);
    store_ints(to, _mm512_or_si512(low, _mm512_castps_si512(odd.v)));
  }
};
#else
using Bf16Operands = FloatOperands<bf16>;
#endif

}  // namespace JDIT_ISA
}  // namespace jdit
