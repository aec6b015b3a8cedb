// The register-blocked product of attention and of quantized layers:
//   C[rows, columns] (+)= A[rows, depth] B[depth, columns]
//
// A is row-major and its elements are broadcast. B is packed in panels of kPanel columns, each
// panel [depth, kPanel], the last one padded to whole vectors. One step of depth is 32 bits wide: a
// float, or a pair of bfloat16 for the instruction vdpbf16ps; integers: quantized_operands.h.
#pragma once

#include "simd.h"

namespace jdit {
namespace JDIT_ISA {

// Accumulators: 6 x 4 of the 32 registers of AVX-512, 6 x 2 of the 16 of AVX2.
#if defined(JDIT_AVX512)
inline constexpr int kTileRows = 6, kTileVectors = 4;
#elif defined(JDIT_AVX2)
inline constexpr int kTileRows = 6, kTileVectors = 2;
#else
inline constexpr int kTileRows = 2, kTileVectors = 2;
#endif
inline constexpr int64_t kPanel = kTileVectors * kLanes;

// Sums in float32: 0 or C * scale at the start, times alpha at the end.
struct FloatSums {
  using Sum = Vec;
  using Result = float;
  static JDIT_INLINE Sum start(const float* c, const float* scale) {
    return scale == nullptr ? broadcast(0) : load(c, Full{}) * broadcast(*scale);
  }
  static JDIT_INLINE void finish(float* c, Sum sum, float alpha) {
    store(c, sum * broadcast(alpha), Full{});
  }
};

// One step of depth in float32.
struct FloatStep : FloatSums {
  using Unit = float;
  using Operand = Vec;
  static JDIT_INLINE Operand broadcast_unit(const float* p) { return broadcast(*p); }
  static JDIT_INLINE Operand load_units(const float* p) { return load(p, Full{}); }
  static JDIT_INLINE Vec multiply_add(Operand a, Operand b, Vec c) { return fma(a, b, c); }
};

#if defined(JDIT_AVX512_BF16)
// Two steps of depth in bfloat16 with float32 accumulation.
struct Bf16PairStep : FloatSums {
  using Unit = uint32_t;
  using Operand = __m512i;
  static JDIT_INLINE Operand broadcast_unit(const uint32_t* p) {
    return _mm512_set1_epi32(static_cast<int>(*p));
  }
  static JDIT_INLINE Operand load_units(const uint32_t* p) { return _mm512_loadu_si512(p); }
  static JDIT_INLINE Vec multiply_add(Operand a, Operand b, Vec c) {
    return {_mm512_dpbf16_ps(c.v, (__m512bh)a, (__m512bh)b)};
  }
};
#endif

template <class Step>
struct TileOperands {
  const typename Step::Unit* a;
  int64_t a_stride;  // units between rows of A
  const typename Step::Unit* b;
  int64_t depth;     // units
  typename Step::Result* c;
  int64_t c_stride;
};

// C = alpha A B, or C = C * row_scale + A B where row_scale is given.
template <class Step, int kRows, int kVectors>
void tile(const TileOperands<Step>& t, float alpha, const float* row_scale) {
  typename Step::Sum sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) {
      sums[r][v] = Step::start(t.c + r * t.c_stride + v * kLanes,
                               row_scale == nullptr ? nullptr : row_scale + r);
    }
  }
  const typename Step::Unit *a = t.a, *b = t.b;
  for (int64_t d = 0; d < t.depth; d++, a++, b += kPanel) {
    typename Step::Operand columns[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) columns[v] = Step::load_units(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      auto row = Step::broadcast_unit(a + r * t.a_stride);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; v++) {
        sums[r][v] = Step::multiply_add(row, columns[v], sums[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) {
      Step::finish(t.c + r * t.c_stride + v * kLanes, sums[r][v], alpha);
    }
  }
}

template <class Step, int kRows>
JDIT_INLINE void tile_vectors(const TileOperands<Step>& t, int vectors, float alpha,
                              const float* row_scale) {
  switch (vectors) {
    case 1: return tile<Step, kRows, 1>(t, alpha, row_scale);
#if defined(JDIT_AVX512)
    case 2: return tile<Step, kRows, 2>(t, alpha, row_scale);
    case 3: return tile<Step, kRows, 3>(t, alpha, row_scale);
#endif
    default: return tile<Step, kRows, kTileVectors>(t, alpha, row_scale);
  }
}

template <class Step>
JDIT_INLINE void tile_rows(const TileOperands<Step>& t, int64_t rows, int vectors, float alpha,
                           const float* row_scale) {
  switch (rows) {
    case 1: return tile_vectors<Step, 1>(t, vectors, alpha, row_scale);
#if defined(JDIT_AVX2) || defined(JDIT_AVX512)
    case 2: return tile_vectors<Step, 2>(t, vectors, alpha, row_scale);
    case 3: return tile_vectors<Step, 3>(t, vectors, alpha, row_scale);
    case 4: return tile_vectors<Step, 4>(t, vectors, alpha, row_scale);
    case 5: return tile_vectors<Step, 5>(t, vectors, alpha, row_scale);
#endif
    default: return tile_vectors<Step, kTileRows>(t, vectors, alpha, row_scale);
  }
}

// The whole product; columns is padded to whole vectors in B and C.
template <class Step>
void multiply(const typename Step::Unit* a, int64_t a_stride, const typename Step::Unit* b,
              int64_t depth, typename Step::Result* c, int64_t c_stride, int64_t rows,
              int64_t columns, float alpha, const float* row_scale) {
  for (int64_t n = 0; n < columns; n += kPanel) {
    int64_t left = columns - n < kPanel ? columns - n : kPanel;
    int vectors = static_cast<int>((left + kLanes - 1) / kLanes);
    for (int64_t r = 0; r < rows; r += kTileRows) {
      int64_t count = rows - r < kTileRows ? rows - r : kTileRows;
      TileOperands<Step> t{a + r * a_stride, a_stride, b + n * depth, depth,
                           c + r * c_stride + n, c_stride};
      tile_rows<Step>(t, count, vectors, alpha, row_scale == nullptr ? nullptr : row_scale + r);
    }
  }
}

}  // namespace JDIT_ISA
}  // namespace jdit
