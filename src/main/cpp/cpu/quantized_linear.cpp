// Linear layers with weights of 8 and 4 bits: int8 on both sides by vpdpbusd; all others by
// expanding one panel of the weight at a time, which stays in the cache for all rows.
#include "gelu.h"
#include "gemm_tile.h"
#include "kernel_table.h"
#include "parallel.h"
#include "workspace.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

static_assert(kPanel == JDIT_PANEL, "panels are those of the tile");

// Rows of x that one task takes: as many as keep a panel busy and leave tasks for every thread.
constexpr int64_t kTaskRows = 768;

template <class T>
float rounded_scalar(float x) {
  return first_lane(rounded<T>(broadcast(x)));
}

// max|x|, NaN where the row holds NaN: max() alone would lose it.
template <class T>
JDIT_INLINE float magnitude(const T* x, int64_t dim) {
  Vec largest = broadcast(0), poison = broadcast(0);
  for_each_vector(dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
    Vec v = load(x + i, lanes);
    largest = max(largest, abs(v));
    poison = fma(v, broadcast(0), poison);
  });
  return maximum(largest) + sum(poison);
}

// A row as int8 plus 128 and its scale.
template <class T>
float quantize_int8(const T* x, int64_t dim, uint8_t* codes) {
  float scale = rounded_scalar<T>(magnitude(x, dim) / 127.5f);
  if (scale < 0x1p-23f) scale = 0x1p-23f;
  Vec reciprocal = broadcast(1.0f / scale);
  for_each_vector(dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
    Vec q = max(broadcast(-128.0f), min(broadcast(127.0f), load(x + i, lanes) * reciprocal));
    __m128i bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(q.v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + i),
                     _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(0x80))));
  });
  return scale;
}

// A row as e4m3, which bfloat16 holds exactly, and its scale.
template <class T>
float quantize_float8(const T* x, int64_t dim, bf16* codes) {
  float scale = rounded_scalar<T>(magnitude(x, dim) / 448.0f);
  if (scale == 0) scale = 1;
  for_each_vector(dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
    Vec v = load(x + i, lanes) / broadcast(scale);
    v = from_8bit(to_8bit(max(broadcast(-448.0f), min(broadcast(448.0f), v))));
    store_exact(codes + i, v, lanes);
  });
  return scale;
}

// C[rows, kPanel] = A B + start: A unsigned, [rows, quads] of four bytes, B signed.
template <int kRows>
void int8_tile(const uint8_t* a, int64_t a_stride, const int8_t* b, int64_t quads,
               const int8_t* start, int32_t* c) {
  __m512i sums[kRows][4];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) sums[r][v] = _mm512_loadu_si512(start + v * 64);
  }
  for (int64_t q = 0; q < quads; q++, a += 4, b += 4 * kPanel) {
    __m512i columns[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) columns[v] = _mm512_loadu_si512(b + v * 64);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      int32_t four;
      std::memcpy(&four, a + r * a_stride, 4);
      __m512i row = _mm512_set1_epi32(four);
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], row, columns[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) _mm512_storeu_si512(c + r * kPanel + v * kLanes, sums[r][v]);
  }
}

void int8_rows(int64_t rows, const uint8_t* a, int64_t a_stride, const int8_t* b, int64_t quads,
               int32_t* c) {
  const int8_t* start = b + quads * 4 * kPanel;
  switch (rows) {
    case 1: return int8_tile<1>(a, a_stride, b, quads, start, c);
    case 2: return int8_tile<2>(a, a_stride, b, quads, start, c);
    case 3: return int8_tile<3>(a, a_stride, b, quads, start, c);
    case 4: return int8_tile<4>(a, a_stride, b, quads, start, c);
    case 5: return int8_tile<5>(a, a_stride, b, quads, start, c);
    default: return int8_tile<6>(a, a_stride, b, quads, start, c);
  }
}

// Sixteen codes as numbers.
JDIT_INLINE Vec int8_numbers(const uint8_t* codes) {
  __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
}
template <int kShift>
JDIT_INLINE Vec nibble_numbers(const uint8_t* codes) {
  __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
  __m512i top = _mm512_slli_epi32(_mm512_cvtepu8_epi32(bytes), 28 - kShift);
  return {_mm512_cvtepi32_ps(_mm512_srai_epi32(top, 28))};
}

// Where a panel's numbers go: as floats, or in pairs of bfloat16.
struct FloatPanel {
  using Element = float;
  using Step = FloatStep;
  using Unit = float;
  static int64_t units(int64_t depth) { return depth; }
  static JDIT_INLINE Vec held(Vec x) { return x; }
  static JDIT_INLINE void put(Unit* to, int64_t k, int64_t column, Vec even, Vec odd) {
    store(to + k * kPanel + column, even, Full{});
    store(to + (k + 1) * kPanel + column, odd, Full{});
  }
};
struct PairPanel {
  using Element = bf16;
  using Step = Bf16PairStep;
  using Unit = uint32_t;
  static int64_t units(int64_t depth) { return depth / 2; }
  static JDIT_INLINE Vec held(Vec x) { return round_bf16(x); }
  static JDIT_INLINE void put(Unit* to, int64_t k, int64_t column, Vec even, Vec odd) {
    __m512i low = _mm512_srli_epi32(_mm512_castps_si512(even.v), 16);
    _mm512_storeu_si512(to + k / 2 * kPanel + column,
                        _mm512_or_si512(low, _mm512_castps_si512(odd.v)));
  }
};

// The numbers of one panel of the weight; `first` is its first column.
template <class Panel>
void expand(const QuantizedLinear& a, int64_t first, typename Panel::Unit* to) {
  auto codes = static_cast<const uint8_t*>(a.codes) +
               first * (a.format == JDIT_INT4_WEIGHT ? a.in / 2 : a.in);
  for (int64_t c = 0; c < kPanel && first + c < a.columns; c += kLanes) {
    int64_t left = a.columns - first - c;
    Tail lanes{left < kLanes ? left : kLanes};
    switch (a.format) {
      case JDIT_INT8_WEIGHT:
        for (int64_t k = 0; k < a.in; k += 2) {
          const uint8_t* p = codes + k * kPanel + c;
          Panel::put(to, k, c, int8_numbers(p), int8_numbers(p + kPanel));
        }
        break;
      case JDIT_INT4_WEIGHT:
        for (int64_t k = 0; k < a.in; k += 32) {
          int64_t at = k / 32 * a.columns + first + c;
          Vec scale = load(static_cast<const bf16*>(a.scale) + at, lanes);
          Vec zero = load(static_cast<const bf16*>(a.zero) + at, lanes);
          for (int64_t i = k; i < k + 32; i += 2) {
            const uint8_t* p = codes + i / 2 * kPanel + c;
            Panel::put(to, i, c, Panel::held(fma(nibble_numbers<0>(p), scale, zero)),
                       Panel::held(fma(nibble_numbers<4>(p), scale, zero)));
          }
        }
        break;
      default: {
        bool scaled = a.format == JDIT_FLOAT8_WEIGHT;
        Vec scale = scaled ? load(static_cast<const float*>(a.scale) + first + c, lanes)
                           : broadcast(1);
        for (int64_t k = 0; k < a.in; k += 2) {
          auto p = reinterpret_cast<const e4m3*>(codes + k * kPanel + c);
          Panel::put(to, k, c, Panel::held(load(p, Full{}) * scale),
                     Panel::held(load(p + kPanel, Full{}) * scale));
        }
      }
    }
  }
}

// Scales and bias of finished sums [count, kPanel] of `rows` from `row` on.
template <class T, int kFormat, bool kGelu, class Sums>
void finish_as(const QuantizedLinear& a, Sums sums, const float* x_scale, int64_t row, int64_t count,
            int64_t first) {
  int64_t width = a.columns - first < kPanel ? a.columns - first : kPanel;
  auto scale = static_cast<const float*>(a.scale) + first;
  auto bias = static_cast<const T*>(a.bias);
  for (int64_t r = 0; r < count; r++) {
    auto out = static_cast<T*>(a.out) + (row + r) * a.columns + first;
    for_each_vector(width, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
      Vec y = sums(r * kPanel + i);
      switch (kFormat) {
        case JDIT_INT8:
          y = rounded<T>(y * broadcast(x_scale[row + r])) * load(scale + i, lanes);
          break;
        case JDIT_INT8_WEIGHT:
          y = rounded<T>(rounded<T>(y) * rounded<T>(load(scale + i, lanes)));
          break;
        case JDIT_FLOAT8:
          y = y * (broadcast(x_scale[row + r]) * load(scale + i, lanes));
          break;
        case JDIT_FLOAT8_WEIGHT:
          y = rounded<T>(y);
          break;
        default:
          break;
      }
      if (bias != nullptr) y = y + load(bias + first + i, lanes);
      store(out + i, kGelu ? gelu(rounded<T>(y)) : y, lanes);
    });
  }
}

template <class T, int kFormat, class Sums>
JDIT_INLINE void finish(const QuantizedLinear& a, Sums sums, const float* x_scale, int64_t row,
                        int64_t count, int64_t first) {
  if (a.gelu) {
    finish_as<T, kFormat, true>(a, sums, x_scale, row, count, first);
  } else {
    finish_as<T, kFormat, false>(a, sums, x_scale, row, count, first);
  }
}

// Calls f(first row, rows, first column) for parts of the output, on all threads.
template <class F>
bool for_each_part(const QuantizedLinear& a, F f) {
  int64_t panels = (a.columns + kPanel - 1) / kPanel;
  int64_t parts = (a.rows + kTaskRows - 1) / kTaskRows;
  int64_t step = round_up((a.rows + parts - 1) / parts, kTileRows);
  int64_t tasks = panels * parts, next = 0, done = 0;
  bool parallel = tasks > 1 && a.columns * a.in > kSerialElements;
#pragma omp parallel if (parallel)
  {
    static thread_local Workspace workspace;
    while (workspace.reserve(a.in * kPanel + kTileRows * kPanel + 32)) {
      int64_t i;
#pragma omp atomic capture
      i = next++;
      if (i >= tasks) break;
      // Neighbouring tasks share rows of x.
      int64_t row = i / panels * step, left = a.rows - row;
      f(workspace, row, left < step ? left : step, i % panels * kPanel);
#pragma omp atomic
      done++;
    }
  }
  return done == tasks;
}

template <class T>
bool int8_linear(const QuantizedLinear& a, Workspace& own) {
  if (!own.reserve((a.rows * a.in + 64) / 4 + a.rows + 64)) return false;
  float* x_scale = own.take<float>(a.rows);
  auto x = static_cast<const T*>(a.x);
  auto q = reinterpret_cast<uint8_t*>(own.take<uint32_t>((a.rows * a.in + 64) / 4));
  parallel_ranges(a.rows, 1, a.rows * a.in, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      x_scale[r] = quantize_int8(x + r * a.in, a.in, q + r * a.in);
    }
  });
  int64_t panel_bytes = a.in * kPanel + kPanel * 4;
  return for_each_part(a, [&](Workspace& w, int64_t row, int64_t rows, int64_t first) {
    auto c = w.take<int32_t>(kTileRows * kPanel);
    auto b = static_cast<const int8_t*>(a.codes) + first / kPanel * panel_bytes;
    for (int64_t r = 0; r < rows; r += kTileRows) {
      int64_t count = rows - r < kTileRows ? rows - r : kTileRows;
      int8_rows(count, q + (row + r) * a.in, a.in, b, a.in / 4, c);
      finish<T, JDIT_INT8>(a, [&](int64_t i) JDIT_LAMBDA_INLINE {
        return Vec{_mm512_cvtepi32_ps(_mm512_loadu_si512(c + i))};
      }, x_scale, row + r, count, first);
    }
  });
}

// x as elements of the panel, [rows, in]; with x_scale where it was quantized.
template <class T, class Panel, int kFormat>
bool expanded_linear(const QuantizedLinear& a, const typename Panel::Element* x,
                     const float* x_scale) {
  using Unit = typename Panel::Unit;
  auto units = reinterpret_cast<const Unit*>(x);
  int64_t depth = Panel::units(a.in);
  return for_each_part(a, [&](Workspace& w, int64_t row, int64_t rows, int64_t first) {
    auto panel = w.take<Unit>(depth * kPanel);
    auto c = w.take<float>(kTileRows * kPanel);
    expand<Panel>(a, first, panel);
    for (int64_t r = 0; r < rows; r += kTileRows) {
      int64_t count = rows - r < kTileRows ? rows - r : kTileRows;
      TileOperands<typename Panel::Step> t{units + (row + r) * depth, depth, panel, depth, c,
                                           kPanel};
      tile_rows<typename Panel::Step>(t, count, kTileVectors, 1, nullptr);
      finish<T, kFormat>(a, [&](int64_t i) JDIT_LAMBDA_INLINE { return load(c + i, Full{}); },
                         x_scale, row + r, count, first);
    }
  });
}

template <class T>
bool float8_linear(const QuantizedLinear& a, Workspace& own) {
  if (!own.reserve(a.rows * a.in / 2 + a.rows + 64)) return false;
  float* x_scale = own.take<float>(a.rows);
  auto x = static_cast<const T*>(a.x);
  auto q = reinterpret_cast<bf16*>(own.take<uint32_t>(a.rows * a.in / 2));
  parallel_ranges(a.rows, 1, a.rows * a.in, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      x_scale[r] = quantize_float8(x + r * a.in, a.in, q + r * a.in);
    }
  });
  return expanded_linear<T, PairPanel, JDIT_FLOAT8>(a, q, x_scale);
}

template <int kFormat>
bool weight_only(const QuantizedLinear& a) {
  return a.dtype == JDIT_BFLOAT16
             ? expanded_linear<bf16, PairPanel, kFormat>(a, static_cast<const bf16*>(a.x), nullptr)
             : expanded_linear<float, FloatPanel, kFormat>(a, static_cast<const float*>(a.x),
                                                           nullptr);
}

}  // namespace

bool quantized_linear(const QuantizedLinear& a) {
  static thread_local Workspace own;
  bool narrow = a.dtype == JDIT_BFLOAT16;
  switch (a.format) {
    case JDIT_INT8: return narrow ? int8_linear<bf16>(a, own) : int8_linear<float>(a, own);
    case JDIT_FLOAT8: return narrow ? float8_linear<bf16>(a, own) : float8_linear<float>(a, own);
    case JDIT_INT8_WEIGHT: return weight_only<JDIT_INT8_WEIGHT>(a);
    case JDIT_FLOAT8_WEIGHT: return weight_only<JDIT_FLOAT8_WEIGHT>(a);
    default: return weight_only<JDIT_INT4_WEIGHT>(a);
  }
}

}  // namespace JDIT_ISA
}  // namespace jdit
