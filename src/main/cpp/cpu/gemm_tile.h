// The register-blocked product of attention and of quantized layers:
//   C[rows, columns] (+)= A[rows, depth] B[depth, columns]
//
// A is row-major and its elements are broadcast. B is packed in panels of kPanel columns, each
// panel [depth, kPanel], the last one padded to whole vectors. One step of depth is 32 bits wide: a
// float, a pair of bfloat16 for the instruction vdpbf16ps, or codes of int8 with exact sums.
//
// `Sums` says where sums begin and end: start(row, column) and finish(row, column, sum).
#pragma once

#if defined(JDIT_AMX)
#include "amx.h"
#endif
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

// One step of depth in float32.
struct FloatStep {
  using Unit = float;
  using Operand = Vec;
  using Sum = Vec;
  static JDIT_INLINE Operand broadcast_unit(const float* p) { return broadcast(*p); }
  static JDIT_INLINE Operand load_units(const float* p) { return load(p, Full{}); }
  static JDIT_INLINE Vec multiply_add(Operand a, Operand b, Vec c) { return fma(a, b, c); }
};

#if defined(JDIT_AVX512_BF16)
// Two steps of depth in bfloat16 with float32 accumulation.
struct Bf16PairStep {
  using Unit = uint32_t;
  using Operand = __m512i;
  using Sum = Vec;
  static JDIT_INLINE Operand broadcast_unit(const uint32_t* p) {
    return _mm512_set1_epi32(static_cast<int>(*p));
  }
  static JDIT_INLINE Operand load_units(const uint32_t* p) { return _mm512_loadu_si512(p); }
  static JDIT_INLINE Vec multiply_add(Operand a, Operand b, Vec c) {
    return {_mm512_dpbf16_ps(c.v, (__m512bh)a, (__m512bh)b)};
  }
#if defined(JDIT_AMX)
  static JDIT_INLINE Vec add(Vec sum, const int32_t* products) {
    return sum + Vec{_mm512_castsi512_ps(load_ints(products))};
  }
  static JDIT_INLINE void multiply_tiles() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
#endif
};
#endif

#if defined(JDIT_AVX2) || defined(JDIT_AVX512)
// Several steps of depth in integers. IntCode is what a unit holds kIntCodes of; those of A have no
// sign where the instruction wants it so, and all sums are exact.
struct IntStep {
  using Unit = uint32_t;
  using Operand = Ints;
  using Sum = Ints;
  static JDIT_INLINE Operand broadcast_unit(const uint32_t* p) { return broadcast_int(*p); }
  static JDIT_INLINE Operand load_units(const uint32_t* p) { return load_ints(p); }
  static JDIT_INLINE Ints multiply_add(Operand a, Operand b, Ints c) {
#if defined(JDIT_VNNI)
    return multiply_add_quads(a, b, c);  // bytes: a without sign, b with
#else
    return multiply_add_pairs(a, b, c);  // int16: vpmaddubsw, which takes bytes, saturates
#endif
  }
#if defined(JDIT_AMX)
  static JDIT_INLINE Ints add(Ints sum, const int32_t* products) {
    return add_ints(sum, load_ints(products));
  }
  static JDIT_INLINE void multiply_tiles() {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
#endif
};
#if defined(JDIT_VNNI)
using IntCode = uint8_t;
#else
using IntCode = int16_t;
#endif
inline constexpr int64_t kIntCodes = sizeof(uint32_t) / sizeof(IntCode);
#endif

// Sums from 0 into c.
struct NewSums {
  float* c;
  int64_t stride;
  JDIT_INLINE Vec start(int64_t, int64_t) const { return broadcast(0); }
  JDIT_INLINE void finish(int64_t r, int64_t n, Vec sum) const {
    store(c + r * stride + n, sum, Full{});
  }
};

// Sums that go on from c * scale[row].
struct RescaledSums : NewSums {
  const float* scale;
  JDIT_INLINE Vec start(int64_t r, int64_t n) const {
    return load(c + r * stride + n, Full{}) * broadcast(scale[r]);
  }
};

template <class Step>
struct TileOperands {
  const typename Step::Unit* a;
  int64_t a_stride;  // units between rows of A
  const typename Step::Unit* b;
  int64_t depth;        // units
  int64_t row, column;  // of C
};

template <class Step, int kRows, int kVectors, class Sums>
void tile(const TileOperands<Step>& t, Sums c) {
  typename Step::Sum sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) sums[r][v] = c.start(t.row + r, t.column + v * kLanes);
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
    for (int v = 0; v < kVectors; v++) c.finish(t.row + r, t.column + v * kLanes, sums[r][v]);
  }
}

template <class Step, int kRows, class Sums>
JDIT_INLINE void tile_vectors(const TileOperands<Step>& t, int vectors, Sums c) {
  switch (vectors) {
    case 1: return tile<Step, kRows, 1>(t, c);
#if defined(JDIT_AVX512)
    case 2: return tile<Step, kRows, 2>(t, c);
    case 3: return tile<Step, kRows, 3>(t, c);
#endif
    default: return tile<Step, kRows, kTileVectors>(t, c);
  }
}

template <class Step, class Sums>
JDIT_INLINE void tile_rows(const TileOperands<Step>& t, int64_t rows, int vectors, Sums c) {
  switch (rows) {
    case 1: return tile_vectors<Step, 1>(t, vectors, c);
#if defined(JDIT_AVX2) || defined(JDIT_AVX512)
    case 2: return tile_vectors<Step, 2>(t, vectors, c);
    case 3: return tile_vectors<Step, 3>(t, vectors, c);
    case 4: return tile_vectors<Step, 4>(t, vectors, c);
    case 5: return tile_vectors<Step, 5>(t, vectors, c);
#endif
    default: return tile_vectors<Step, kTileRows>(t, vectors, c);
  }
}

// Rows that a caller should give multiply() at a time, at least, and what each thread holds.
#if defined(JDIT_AMX)
inline constexpr int64_t kRowStep = 2 * kSide;
#else
inline constexpr int64_t kRowStep = kTileRows;
struct Tiles {};
#endif

// The whole product; columns is padded to whole vectors in B and C.
template <class Step, class Sums>
void multiply(const typename Step::Unit* a, int64_t a_stride, const typename Step::Unit* b,
              int64_t depth, int64_t rows, int64_t columns, Sums c) {
  int64_t done = 0;
#if defined(JDIT_AMX)
  if constexpr (!std::is_same_v<Step, FloatStep>) {
    done = multiply_by_tiles<Step, kPanel>(a, a_stride, b, depth, rows, columns, c);
  }
#endif
  for (int64_t n = 0; n < columns; n += kPanel) {
    int64_t left = columns - n < kPanel ? columns - n : kPanel;
    int vectors = static_cast<int>((left + kLanes - 1) / kLanes);
    for (int64_t r = done; r < rows; r += kTileRows) {
      int64_t count = rows - r < kTileRows ? rows - r : kTileRows;
      TileOperands<Step> t{a + r * a_stride, a_stride, b + n * depth, depth, r, n};
      tile_rows<Step>(t, count, vectors, c);
    }
  }
}

}  // namespace JDIT_ISA
}  // namespace jdit
