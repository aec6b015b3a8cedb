// q k^T of a task of attention, either exact or of codes of int8. Scores are raw: times factor(row)
// they are scale q k^T log2(e), up to shift(row), which is the same for all keys.
#pragma once

#include <cmath>

#include "attention_packing.h"

namespace jdit {
namespace JDIT_ISA {

inline constexpr float kLog2E = 1.44269504f;

template <class T>
JDIT_INLINE const T* head(const void* base, const Strides& s, int64_t b, int64_t h) {
  return static_cast<const T*>(base) + b * s.batch + h * s.head;
}

// Sums of products in float32.
template <class Layout>
class ExactScores {
 public:
  using T = typename Layout::Element;
  using Unit = typename Layout::Unit;

  ExactScores(const Attention& a, int64_t queries, int64_t keys)
      : a_(a), depth_(Layout::units(a.head_dim)), queries_(queries), keys_(keys) {}

  int64_t words() const {
    return round_up(queries_ * depth_, 16) + 2 * round_up(keys_ * depth_, 16);
  }
  void take(Workspace& w) {
    q_ = w.take<Unit>(queries_ * depth_);
    k_rows_ = w.take<Unit>(keys_ * depth_);
    k_ = w.take<Unit>(keys_ * depth_);
  }

  // `queries` queries from the first on, of a head.
  void start(int64_t b, int64_t h, int64_t first, int64_t queries) {
    const T* q = head<T>(a_.q, a_.q_stride, b, h) + first * a_.q_stride.token;
    Layout::pack_rows(q, a_.q_stride.token, queries, a_.head_dim, q_);
    if (a_.scale < 0) Layout::negate(q_, queries * depth_);
    keys_of_head_ = head<T>(a_.k, a_.k_stride, b, h);
  }

  void pack_keys(int64_t first, int64_t keys) {
    const T* k = keys_of_head_ + first * a_.k_stride.token;
    int64_t stride = Layout::stride_in_place(k, a_.k_stride.token, a_.head_dim);
    auto rows = reinterpret_cast<const uint32_t*>(k);
    if (stride < 0) {
      Layout::pack_rows(k, a_.k_stride.token, keys, a_.head_dim, k_rows_);
      rows = reinterpret_cast<const uint32_t*>(k_rows_);
      stride = depth_;
    }
    pack_transposed(rows, stride, keys, depth_, reinterpret_cast<uint32_t*>(k_));
  }

  // Queries [row, row + rows) and the packed keys to scores [rows, stride].
  void multiply(int64_t row, int64_t rows, int64_t keys, float* scores, int64_t stride) const {
    JDIT_ISA::multiply<typename Layout::Step>(q_ + row * depth_, depth_, k_, depth_, rows, keys,
                                              NewSums{scores, stride});
  }

  float factor(int64_t) const { return std::fabs(a_.scale) * kLog2E; }
  float shift(int64_t) const { return 0; }

 private:
  const Attention& a_;
  int64_t depth_, queries_, keys_;
  const T* keys_of_head_;
  Unit *q_, *k_rows_, *k_;
};

#if defined(JDIT_AVX2) || defined(JDIT_AVX512)
// Exact sums of products of codes, with a scale for each query and each key (SageAttention, Zhang
// et al. 2024). The mean of a head's keys is taken from them before: it moves all scores of a query
// alike, and what all keys have in common would cost them most of their eight bits.
template <class T>
class Int8Scores {
 public:
  Int8Scores(const Attention& a, int64_t queries, int64_t keys)
      : a_(a), width_(round_up(a.head_dim, kLanes)), depth_(width_ / kIntCodes),
        queries_(queries), keys_(keys) {}

  int64_t words() const {
    return round_up(queries_ * depth_, 16) + 2 * round_up(keys_ * depth_, 16) +
           2 * round_up(queries_, 16) + 2 * round_up(keys_, 16) + 2 * round_up(width_, 16);
  }
  void take(Workspace& w) {
    q_ = w.take<uint32_t>(queries_ * depth_);
    k_rows_ = w.take<uint32_t>(keys_ * depth_);
    k_ = w.take<uint32_t>(keys_ * depth_);
    factors_ = w.take<float>(queries_);
    shifts_ = w.take<float>(queries_);
    k_scales_ = w.take<float>(keys_);
    offsets_ = w.take<float>(keys_);
    mean_ = w.take<float>(width_);
    row_ = w.take<float>(width_);
  }

  void start(int64_t b, int64_t h, int64_t first, int64_t queries) {
    keys_of_head_ = head<T>(a_.k, a_.k_stride, b, h);
    average_keys();
    const T* q = head<T>(a_.q, a_.q_stride, b, h) + first * a_.q_stride.token;
    for (int64_t r = 0; r < queries; r++, q += a_.q_stride.token) {
      float scale = code_scale(q);
      Vec reciprocal = broadcast((a_.scale < 0 ? -1 : 1) / scale), dot = broadcast(0);
      auto codes = reinterpret_cast<IntCode*>(q_ + r * depth_);
      for_each_vector(a_.head_dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
        Vec x = load(q + i, lanes);
        dot = fma(x, load(mean_ + i, Full{}), dot);
        store_low_bits(codes + i, fma(x, reciprocal, broadcast(kOffset)));
      });
      factors_[r] = scale * std::fabs(a_.scale) * kLog2E;
      shifts_[r] = sum(dot) * a_.scale * kLog2E;
    }
  }

  void pack_keys(int64_t first, int64_t keys) {
    const T* k = keys_of_head_ + first * a_.k_stride.token;
    for (int64_t r = 0; r < keys; r++, k += a_.k_stride.token) {
      for_each_vector(a_.head_dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
        store(row_ + i, load(k + i, lanes) - load(mean_ + i, Full{}), Full{});
      });
      float scale = code_scale(row_);
      Vec reciprocal = broadcast(1 / scale), total = broadcast(0);
      auto codes = reinterpret_cast<IntCode*>(k_rows_ + r * depth_);
      for_each_vector(a_.head_dim, [&](int64_t i, auto) JDIT_LAMBDA_INLINE {
        Vec code = round_to_integer(load(row_ + i, Full{}) * reciprocal);
        total = total + code;
        store_low_bits(codes + i, code);
      });
      k_scales_[r] = scale;
      offsets_[r] = -kOffset * sum(total) * scale;
    }
    pack_transposed(k_rows_, depth_, keys, depth_, k_);
  }

  void multiply(int64_t row, int64_t rows, int64_t keys, float* scores, int64_t stride) const {
    JDIT_ISA::multiply<IntStep>(q_ + row * depth_, depth_, k_, depth_, rows, keys,
                                Sums{scores, stride, k_scales_, offsets_});
  }

  float factor(int64_t row) const { return factors_[row]; }
  float shift(int64_t row) const { return shifts_[row]; }

 private:
  // What is added to codes of queries, and taken from the sums again.
  static constexpr float kOffset = sizeof(IntCode) == 1 ? 128 : 0;

  struct Sums {
    float* scores;
    int64_t stride;
    const float *scales, *offsets;
    JDIT_INLINE Ints start(int64_t, int64_t) const { return zero_ints(); }
    JDIT_INLINE void finish(int64_t r, int64_t n, Ints sum) const {
      asm("" : "+v"(sum));  // GCC 12 keeps all sums in memory as well, or else
      Vec scale = load(scales + n, Full{}), offset = load(offsets + n, Full{});
      store(scores + r * stride + n, fma(to_float(sum), scale, offset), Full{});
    }
  };

  // Of codes in [-127, 127]; NaN where a number is not finite.
  template <class E>
  float code_scale(const E* x) const {
    float largest = magnitude(x, a_.head_dim);
    return (largest < 0x1p-100f ? 0x1p-100f : largest) / 127;
  }

  void average_keys() {
    for_each_vector(a_.head_dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
      Vec total = broadcast(0);
      const T* k = keys_of_head_ + i;
      for (int64_t r = 0; r < a_.k_len; r++, k += a_.k_stride.token) {
        total = total + load(k, lanes);
      }
      store(mean_ + i, total * broadcast(1.0f / static_cast<float>(a_.k_len)), Full{});
    });
  }

  const Attention& a_;
  int64_t width_, depth_, queries_, keys_;
  const T* keys_of_head_;
  uint32_t *q_, *k_rows_, *k_;
  float *factors_, *shifts_, *k_scales_, *offsets_, *mean_, *row_;
};
#endif

}  // namespace JDIT_ISA
}  // namespace jdit
