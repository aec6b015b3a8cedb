// Linear layers with weights of 16, 8 and 4 bits: exact sums of int8 products on both sides, or the
// weight's numbers in floating point; one panel of the weight at a time serves many rows.
#include <type_traits>

#include "gelu.h"
#include "kernel_table.h"
#include "parallel.h"
#include "quantized_operands.h"
#include "quantized_rows.h"
#include "workspace.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

// Rows of x that one task takes: as many as keep a panel busy and leave tasks for every thread.
constexpr int64_t kTaskRows = 768;

// Units of depth of one block: an expanded panel takes 256 KiB of the second level cache, with
// AVX-512, whose processors have 1 MiB, 512. A few rows read it once, from the first level.
constexpr int64_t kBlockUnits = 128 * kLanes, kFewRowsUnits = 64;

// Sums of a row of blocks in depth: from 0 in the first one, else from where they stand.
template <class Number>
struct BlockSums {
  Number* c;
  bool first;
  auto start(int64_t r, int64_t n) const {
    if constexpr (std::is_same_v<Number, float>) {
      return first ? broadcast(0) : load(c + r * JDIT_PANEL + n, Full{});
    } else {
      return first ? zero_ints() : load_ints(c + r * JDIT_PANEL + n);
    }
  }
  JDIT_INLINE void finish(int64_t r, int64_t n, Vec sum) const {
    store(c + r * JDIT_PANEL + n, sum, Full{});
  }
  JDIT_INLINE void finish(int64_t r, int64_t n, Ints sum) const {
    store_ints(c + r * JDIT_PANEL + n, sum);
  }
};

// Of every thread for its tasks, and of the calling one for codes of x.
thread_local Workspace task_space, code_space;

// Rounds to nearest even. The instruction for bfloat16 takes an eighth of store()'s; a result below
// 2^-126 becomes 0.
template <class T, class Lanes>
JDIT_INLINE void store_result(T* out, Vec y, Lanes lanes) {
#if defined(JDIT_AVX512_BF16)
  if constexpr (std::is_same_v<T, bf16>) {
    __m256bh rounded = _mm512_cvtneps_pbh(y.v);
    return store_16bit(out, (__m256i)rounded, lanes);
  }
#endif
  store(out, y, lanes);
}

// Scales and bias of finished sums [count, JDIT_PANEL] of `rows` from `row` on.
template <class T, int kFormat, bool kGelu, class Result>
void finish_as(const QuantizedLinear& a, const Result* sums, const float* x_scale, int64_t row,
               int64_t count, int64_t first) {
  int64_t width = a.columns - first < JDIT_PANEL ? a.columns - first : JDIT_PANEL;
  auto scale = a.scale == nullptr ? nullptr : static_cast<const float*>(a.scale) + first;
  auto bias = static_cast<const T*>(a.bias);
  // What the 128 that are added to codes of x come to, behind an int8 panel.
  [[maybe_unused]] const uint8_t* offsets = panel_codes(a, first, a.in);
  alignas(64) float biases[JDIT_PANEL], scales[JDIT_PANEL];
  for_each_vector(width, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
    // Adding -0 leaves every y what it is.
    store(biases + i, bias == nullptr ? broadcast(-0.0f) : load(bias + first + i, lanes), Full{});
    Vec s = scale == nullptr ? broadcast(1) : load(scale + i, lanes);
    store(scales + i, kFormat == JDIT_INT8_WEIGHT ? rounded<T>(s) : s, Full{});
  });
  for (int64_t r = 0; r < count; r++) {
    auto out = static_cast<T*>(a.out) + (row + r) * a.columns + first;
    for_each_vector(width, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
      Vec column_scale = load(scales + i, Full{});
      Vec y;
      if constexpr (kFormat == JDIT_INT8) {
        y = to_float(add_ints(load_ints(sums + r * JDIT_PANEL + i), load_ints(offsets + i * 4)));
      } else {
        y = load(sums + r * JDIT_PANEL + i, Full{});
      }
      switch (kFormat) {
        case JDIT_INT8:
          y = rounded<T>(y * broadcast(x_scale[row + r])) * column_scale;
          break;
        case JDIT_INT8_WEIGHT: y = rounded<T>(rounded<T>(y) * column_scale); break;
        case JDIT_FLOAT8: y = y * (broadcast(x_scale[row + r]) * column_scale); break;
        case JDIT_FLOAT8_WEIGHT: y = rounded<T>(y); break;
        default: break;
      }
      y = y + load(biases + i, Full{});
      store_result(out + i, kGelu ? gelu(rounded<T>(y)) : y, lanes);
    });
  }
}

template <class T, int kFormat, class Result>
JDIT_INLINE void finish(const QuantizedLinear& a, const Result* sums, const float* x_scale,
                        int64_t row, int64_t count, int64_t first) {
  if (a.gelu) {
    finish_as<T, kFormat, true>(a, sums, x_scale, row, count, first);
  } else {
    finish_as<T, kFormat, false>(a, sums, x_scale, row, count, first);
  }
}

// Calls f(first row, rows, first column) for parts of the output, on all threads.
template <class F>
bool for_each_part(const QuantizedLinear& a, F f) {
  int64_t panels = (a.columns + JDIT_PANEL - 1) / JDIT_PANEL;
  int64_t parts = (a.rows + kTaskRows - 1) / kTaskRows;
  int64_t step = round_up((a.rows + parts - 1) / parts, kRowStep);
  int64_t tasks = panels * parts, next = 0, done = 0;
  bool parallel = tasks > 1 && a.columns * a.in > kSerialElements;
#pragma omp parallel if (parallel)
  {
    [[maybe_unused]] Tiles tiles;
    while (task_space.reserve((JDIT_PANEL + kRowStep) * kBlockUnits + step * JDIT_PANEL)) {
      int64_t i;
#pragma omp atomic capture
      i = next++;
      if (i >= tasks) break;
      // Neighbouring tasks share rows of x.
      int64_t row = i / panels * step, left = a.rows - row;
      f(row, left < step ? left : step, i % panels * JDIT_PANEL);
#pragma omp atomic
      done++;
    }
  }
  return done == tasks;
}

// x [rows, in] as elements of the operands; with x_scale where it was quantized.
template <class T, class Operands, int kFormat>
bool product(const QuantizedLinear& a, const typename Operands::Element* x, const float* x_scale) {
  using Step = typename Operands::Step;
  using Unit = typename Operands::Unit;
  using Number = std::conditional_t<kFormat == JDIT_INT8, int32_t, float>;
  int64_t block = (a.rows <= kTileRows ? kFewRowsUnits : kBlockUnits) * Operands::kElements;
  return for_each_part(a, [&](int64_t row, int64_t rows, int64_t first) {
    auto panel_space = task_space.take<Unit>(JDIT_PANEL * kBlockUnits);
    auto row_space = task_space.take<Unit>(kRowStep * kBlockUnits);
    auto sums = task_space.take<Number>(rows * JDIT_PANEL);
    int64_t width = a.columns - first < JDIT_PANEL ? a.columns - first : JDIT_PANEL;
    for (int64_t k = 0; k < a.in; k += block) {
      int64_t depth = a.in - k < block ? a.in - k : block;
      const Unit* panel = Operands::panel(a, first, k, depth, panel_space);
      for (int64_t r = 0; r < rows; r += kRowStep) {
        int64_t count = rows - r < kRowStep ? rows - r : kRowStep;
        auto part = Operands::rows(x + (row + r) * a.in + k, a.in, count, depth, row_space);
        auto c = depth == a.in ? sums : sums + r * JDIT_PANEL;
        multiply<Step>(part.units, part.stride, panel, depth / Operands::kElements, count, width,
                       BlockSums<Number>{c, k == 0});
        if (k + depth == a.in) finish<T, kFormat>(a, c, x_scale, row + r, count, first);
      }
    }
  });
}

// The product of rows that quantize(row, dim, codes) makes; `words` of 32 bits hold all codes.
template <class T, class Operands, int kFormat, class Quantize>
bool quantized_product(const QuantizedLinear& a, Quantize quantize) {
  using Code = typename Operands::Element;
  int64_t words = a.rows * a.in * static_cast<int64_t>(sizeof(Code)) / 4;
  if (!code_space.reserve(words + round_up(a.rows, 16))) return false;
  float* x_scale = code_space.take<float>(a.rows);
  auto codes = reinterpret_cast<Code*>(code_space.take<uint32_t>(words));
  auto x = static_cast<const T*>(a.x);
  parallel_ranges(a.rows, 1, a.rows * a.in, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      x_scale[r] = quantize(x + r * a.in, a.in, codes + r * a.in);
    }
  });
  return product<T, Operands, kFormat>(a, codes, x_scale);
}

template <class T, class Operands>
bool linear(const QuantizedLinear& a) {
  auto x = static_cast<const T*>(a.x);
  switch (a.format) {
    case JDIT_INT8:
      return quantized_product<T, Int8Operands, JDIT_INT8>(a, quantize_int8<T>);
    case JDIT_FLOAT8:
      return quantized_product<T, Bf16Operands, JDIT_FLOAT8>(a, quantize_float8<T>);
    case JDIT_INT8_WEIGHT: return product<T, Operands, JDIT_INT8_WEIGHT>(a, x, nullptr);
    case JDIT_FLOAT8_WEIGHT: return product<T, Operands, JDIT_FLOAT8_WEIGHT>(a, x, nullptr);
    case JDIT_INT4_WEIGHT: return product<T, Operands, JDIT_INT4_WEIGHT>(a, x, nullptr);
    default: return product<T, Operands, JDIT_BFLOAT16_WEIGHT>(a, x, nullptr);
  }
}

}  // namespace

bool quantized_linear(const QuantizedLinear& a) {
  return a.dtype == JDIT_BFLOAT16 ? linear<bf16, Bf16Operands>(a)
                                  : linear<float, FloatOperands<float>>(a);
}

}  // namespace JDIT_ISA
}  // namespace jdit
