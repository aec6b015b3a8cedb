// How attention lays out q, k, v and the probabilities for gemm_tile.h: converted to float32, or as
// pairs of bfloat16. Unit counts are 32-bit words.
#pragma once

#include <type_traits>

#include "gemm_tile.h"
#include "workspace.h"

namespace jdit {
namespace JDIT_ISA {

// 32-bit words [rows, columns] with a row stride to panels of the transpose [columns, rows].
JDIT_INLINE void pack_transposed(const uint32_t* from, int64_t stride, int64_t rows,
                                 int64_t columns, uint32_t* to) {
  for (int64_t n = 0; n < rows; n += kPanel, to += columns * kPanel) {
    int64_t count = rows - n < kPanel ? rows - n : kPanel;
    const uint32_t* block = from + n * stride;
    for (int64_t r = 0; r < kPanel; r += 4) {
      for (int64_t c = 0; c < columns; c++) {
        for (int64_t i = 0; i < 4; i++) {
          to[c * kPanel + r + i] = r + i < count ? block[(r + i) * stride + c] : 0;
        }
      }
    }
  }
}

// Everything in float32, for any element type.
template <class T>
struct FloatLayout {
  using Element = T;
  using Step = FloatStep;
  using Unit = float;

  static int64_t units(int64_t elements) { return elements; }

  // [rows, dim] as rows of units: the left operand, and what pack_transposed reads.
  static void pack_rows(const T* from, int64_t stride, int64_t rows, int64_t dim, float* to) {
    for (int64_t r = 0; r < rows; r++) {
      for_each_vector(dim, [&](int64_t i, auto lanes) {
        store(to + r * dim + i, load(from + r * stride + i, lanes), lanes);
      });
    }
  }

  // The stride in units of rows that are units already, or -1.
  static int64_t stride_in_place(const T*, int64_t stride, int64_t) {
    return std::is_same_v<T, float> ? stride : -1;
  }

  // v [keys, dim] to panels of columns.
  static void pack_v(const T* v, int64_t stride, int64_t keys, int64_t dim, float* to) {
    for (int64_t n = 0; n < dim; n += kPanel, to += keys * kPanel) {
      int64_t count = dim - n < kPanel ? dim - n : kPanel;
      for (int64_t r = 0; r < keys; r++) {
        for_each_vector(count, [&](int64_t i, auto lanes) {
          store(to + r * kPanel + i, load(v + r * stride + n + i, lanes), Full{});
        });
      }
    }
  }

  static void negate(float* units, int64_t n) {
    for (int64_t i = 0; i < n; i++) units[i] = -units[i];
  }

  // Probabilities take the place of the scores.
  static void store_p(float* row, int64_t i, Vec p) { store(row + i, p, Full{}); }
};

#if defined(JDIT_AVX512_BF16)
// Pairs of bfloat16 that are neighbours in depth: of head_dim for q k^T, of keys for p v.
struct Bf16PairLayout {
  using Element = bf16;
  using Step = Bf16PairStep;
  using Unit = uint32_t;

  static int64_t units(int64_t elements) { return (elements + 1) / 2; }

  static void pack_rows(const bf16* from, int64_t stride, int64_t rows, int64_t dim,
                        uint32_t* to) {
    for (int64_t r = 0; r < rows; r++, to += units(dim)) {
      if (dim % 2 != 0) to[units(dim) - 1] = 0;
      std::memcpy(to, from + r * stride, static_cast<size_t>(dim) * sizeof(bf16));
    }
  }

  static int64_t stride_in_place(const bf16* from, int64_t stride, int64_t dim) {
    bool pairs = dim % 2 == 0 && stride % 2 == 0 && reinterpret_cast<uintptr_t>(from) % 4 == 0;
    return pairs ? stride / 2 : -1;
  }

  static void pack_v(const bf16* v, int64_t stride, int64_t keys, int64_t dim, uint32_t* to) {
    for (int64_t n = 0; n < dim; n += kPanel) {
      int64_t count = dim - n < kPanel ? dim - n : kPanel;
      for (int64_t r = 0; r < keys; r += 2, to += kPanel) {
        const bf16* row = v + r * stride + n;
        for_each_vector(count, [&](int64_t i, auto lanes) {
          __m512i first = _mm512_cvtepu16_epi32(load_16bit(row + i, lanes));
          __m512i second = r + 1 < keys
                               ? _mm512_cvtepu16_epi32(load_16bit(row + stride + i, lanes))
                               : _mm512_setzero_si512();
          _mm512_storeu_si512(to + i, _mm512_or_si512(first, _mm512_slli_epi32(second, 16)));
        });
      }
    }
  }

  static void negate(uint32_t* units, int64_t n) {
    for (int64_t i = 0; i < n; i++) units[i] ^= 0x80008000u;
  }

  // Half as wide as the scores, so that writing never overtakes reading in the same row.
  static void store_p(float* row, int64_t i, Vec p) {
    __m256bh pairs = _mm512_cvtneps_pbh(p.v);
    std::memcpy(reinterpret_cast<bf16*>(row) + i, &pairs, sizeof pairs);
  }
};
#endif

}  // namespace JDIT_ISA
}  // namespace jdit
