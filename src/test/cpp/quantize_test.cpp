// Activations of quantized layers and what follows a product of their codes, bit for bit.
#include <algorithm>
#include <cfloat>
#include <cstring>
#include <string>
#include <vector>

#include "kernel_test.h"

namespace kernel_test {
namespace {

// Bytes of their own, so that AddressSanitizer sees what goes beyond.
class Codes {
 public:
  Codes(int64_t n, int shift) : shift_(shift), memory_(new uint8_t[n + shift]) {
    std::fill_n(memory_.get(), n + shift, 77);
  }
  uint8_t* data() { return memory_.get() + shift_; }
  uint8_t operator[](int64_t i) const { return memory_[shift_ + i]; }
  void check_front() const {
    for (int i = 0; i < shift_; i++) {
      if (memory_[i] != 77) fail("quantize_rows wrote ahead of its output");
    }
  }

 private:
  int shift_;
  std::unique_ptr<uint8_t[]> memory_;
};

// Rows of each kind: ordinary; zeros of both signs; ties of int8 and of e4m3 with a scale of 1; below
// the floor of an int8 scale; with a float8 scale of 0 or below float32's ordinary numbers; near the
// largest number; with NaN; with infinities.
constexpr int kKinds = 9;

Numbers rows_of_every_kind(int dtype, int64_t rows, int64_t dim, int shift) {
  std::normal_distribution<float> d;
  bool half = dtype == JDIT_FLOAT16;
  return Numbers(dtype, rows * dim, shift, [&, half](int64_t at) -> float {
    int64_t i = at % dim;
    float v = d(generator);
    bool last = i == dim - 1;
    switch (at / dim % kKinds) {
      case 0: return v;
      case 1: return i % 2 == 0 ? 0.0f : -0.0f;
      case 2: return i == 0 ? 127.5f : static_cast<float>(i * 7 % 511 - 255) / 2;
      case 3: return i == 0 ? -448 : (e4m3(i % 126) + e4m3(i % 126 + 1)) / (i % 3 == 0 ? -2 : 2);
      case 4: return v * (half ? 1e-6f : 1e-7f);
      case 5: return v * (half ? 6e-8f : 1e-37f);
      case 6: return std::fmin(std::fmax(v, -3), 3) * (half ? 2e4f : 1e38f);
      case 7: return last ? kNan : v;
      default: return last ? INFINITY : i == 0 ? -INFINITY : v;
    }
  });
}

// The scale of numbers whose largest magnitude is `largest`, NaN included.
float scale_for(int format, int dtype, float largest) {
  if (format == JDIT_FLOAT8) {
    float scale = rounded(dtype, largest / 448.0f);
    return scale == 0 ? 1 : scale;
  }
  float scale = rounded(dtype, largest / 127.5f);
  return std::isnan(scale) ? scale : std::min(std::max(scale, 0x1p-23f), FLT_MAX);
}

bool same_code(int format, uint8_t found, float v, float scale) {
  if (format == JDIT_FLOAT8) {
    float q = v / scale;
    return std::isnan(q) ? (found & 0x7f) == 0x7f
                         : found == to_e4m3(std::fmin(std::fmax(q, -448), 448));
  }
  float q = v * (1.0f / scale);
  if (std::isnan(q)) return found == 0;
  return static_cast<int8_t>(found) == std::min(std::max(std::nearbyint(q), -128.0f), 127.0f);
}

float magnitude(float largest, float v) {
  return std::isnan(largest) || std::isnan(v) ? kNan : std::fmax(largest, std::fabs(v));
}

void check(const char* what, int dtype, int64_t rows, int64_t dim, int shift, bool per_tensor,
           Numbers& x) {
  for (int format : {JDIT_INT8, JDIT_FLOAT8}) {
    Codes codes(rows * dim, shift);
    Numbers scales = empty(JDIT_FLOAT32, rows, shift);
    ok(jdit_quantize_rows(x.data(), nullptr, codes.data(), scales.data(), rows, dim, 0, 0,
                          per_tensor, format, dtype, nullptr));
    codes.check_front();
    scales.check_front(what);
    float all = 0;
    for (int64_t i = 0; i < rows * dim; i++) all = magnitude(all, x[i]);
    for (int64_t r = 0; r < rows; r++) {
      float largest = 0;
      for (int64_t i = 0; i < dim; i++) largest = magnitude(largest, x[r * dim + i]);
      float scale = scale_for(format, dtype, per_tensor ? all : largest);
      float found = scales[per_tensor ? 0 : r];
      if (!std::isnan(scale) || !std::isnan(found)) {
        same("scale of quantize_rows", dtype, dim, shift, r, found, scale);
      }
      for (int64_t i = r * dim; i < (r + 1) * dim; i++) {
        if (!same_code(format, codes[i], x[i], scale)) {
          fail(place(what, dtype, dim, shift, i) + ": " + std::to_string(codes[i]) + " for " +
               std::to_string(x[i]) + " of scale " + std::to_string(scale));
        }
      }
    }
  }
}

// Rows of two tensors, or of one where y_dim is 0, against GELU, a copy and codes one after the other.
void check_parts(int dtype, int shift, int64_t rows, int64_t x_dim, int64_t y_dim, int gelu,
                 bool per_tensor) {
  int64_t dim = x_dim + y_dim;
  Numbers x = rows_of_every_kind(dtype, rows, x_dim, shift);
  Numbers y = rows_of_every_kind(dtype, rows, y_dim, shift);
  Numbers joined = empty(dtype, rows * dim, shift);
  Numbers* parts[] = {&x, &y};
  for (int64_t p = 0, from = 0; p < (y_dim == 0 ? 1 : 2); from += x_dim, p++) {
    int64_t width = p == 0 ? x_dim : y_dim;
    Numbers after = empty(dtype, rows * width, shift);
    if (gelu & (p + 1)) {
      ok(jdit_gelu_tanh(parts[p]->data(), after.data(), rows, width, width, width, dtype, nullptr));
    }
    Numbers& v = gelu & (p + 1) ? after : *parts[p];
    for (int64_t r = 0; r < rows; r++) {
      std::memcpy(joined.data(r * dim + from), v.data(r * width), width * size_of(dtype));
    }
  }
  for (int format : {JDIT_INT8, JDIT_FLOAT8}) {
    Codes found(rows * dim, shift), expected(rows * dim, shift);
    Numbers found_scales = empty(JDIT_FLOAT32, rows, shift);
    Numbers scales = empty(JDIT_FLOAT32, rows, shift);
    ok(jdit_quantize_rows(joined.data(), nullptr, expected.data(), scales.data(), rows, dim, 0, 0,
                          per_tensor, format, dtype, nullptr));
    ok(jdit_quantize_rows(x.data(), y_dim == 0 ? nullptr : y.data(), found.data(),
                          found_scales.data(), rows, x_dim, y_dim, gelu, per_tensor, format, dtype,
                          nullptr));
    found.check_front();
    found_scales.check_front("quantize_rows of parts");
    std::string what = "quantize_rows of " + std::to_string(x_dim) + " and " +
                       std::to_string(y_dim) + ", GELU " + std::to_string(gelu);
    if (std::memcmp(found_scales.data(), scales.data(), (per_tensor ? 1 : rows) * 4) != 0) {
      fail(what + ": other scales");
    }
    for (int64_t i = 0; i < rows * dim; i++) {
      if (found[i] != expected[i]) fail(place(what.c_str(), dtype, dim, shift, i));
    }
  }
}

}  // namespace

void quantize_rows(int dtype, int shift) {
  // Groups of lanes, then blocks of more and more threads, and rows that do not stay in registers.
  for (int64_t dim : {1, 5, 8, 24, 100, 128, 333, 1000, 1024, 1032, 3072, 3080, 6152, 15360, 24608}) {
    int64_t rows = dim <= 128 ? 2 * kKinds + 1 : dim < 12288 ? kKinds : 3;
    Numbers x = rows_of_every_kind(dtype, rows, dim, shift);
    check("quantize_rows", dtype, rows, dim, shift, false, x);
  }
}

void quantize_tensor(int dtype, int shift) {
  for (int64_t dim : {1, 24, 333}) {
    // Tensors of one kind each, but for the last, which has all of them.
    for (int kind = 0; kind <= kKinds; kind += dim == 24 ? 1 : 3) {
      int64_t rows = dim == 1 ? 300 : kKinds;
      Numbers kinds = rows_of_every_kind(dtype, kKinds, dim, shift);
      Numbers x(dtype, rows * dim, shift, [&](int64_t i) {
        return kinds[kind == kKinds ? i % kinds.size() : kind * dim + (i * 5) % dim];
      });
      check("quantize_rows per tensor", dtype, rows, dim, shift, true, x);
    }
  }
}

void quantize_parts(int dtype, int shift) {
  struct {
    int64_t x, y;
  } sizes[] = {{24, 0}, {8, 16}, {5, 3}, {40, 7}, {96, 384}};
  for (auto [x, y] : sizes) {
    for (int gelu : {0, 1, 2, 3}) check_parts(dtype, shift, kKinds, x, y, gelu, false);
    for (int gelu : {0, 2}) check_parts(dtype, shift, 3, x, y, gelu, true);
  }
  // A block for each row.
  check_parts(dtype, shift, kKinds, 1000, 333, 1, false);
  check_parts(dtype, shift, 3, 768, 3072, 2, false);
  // Rows that do not stay in registers: what is read again is of both tensors.
  check_parts(dtype, shift, 1, 25600, 1024, 3, false);
}

void scale_sums(int dtype, int shift) {
  for (int64_t columns : {1, 7, 24, 48, 333, 3072}) {
    int64_t rows = 6;
    std::unique_ptr<int32_t[]> memory(new int32_t[rows * columns + shift]);
    int32_t* sums = memory.get() + shift;
    // Half of them need more than the 24 bits of a float32.
    for (int64_t i = 0; i < rows * columns; i++) {
      sums[i] = static_cast<int32_t>(generator()) >> (i % 2 == 0 ? 2 : 16);
    }
    Numbers row_scale = normal(JDIT_FLOAT32, rows, shift, 1e-5f);
    Numbers column_scale = normal(JDIT_FLOAT32, columns, shift, 1e-2f);
    Numbers bias = normal(dtype, columns, shift);
    for (int mode = 0; mode < 16; mode++) {
      bool by_row = mode & 1, by_column = mode & 2, biased = mode & 4, gelu = mode & 8;
      Numbers out = empty(dtype, rows * columns, shift);
      ok(jdit_scale_sums(sums, row_scale.data(), column_scale.data(),
                         biased ? bias.data() : nullptr, out.data(), rows, columns, by_row,
                         by_column, gelu, dtype, nullptr));
      out.check_front("scale_sums");
      for (int64_t i = 0; i < rows * columns; i++) {
        float y = rounded(dtype, static_cast<float>(sums[i]) * row_scale[by_row ? i / columns : 0]);
        y = y * column_scale[by_column ? i % columns : 0];
        if (biased) y = y + bias[i % columns];
        y = rounded(dtype, y);
        if (gelu) {
          double v = y, e = 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
          close("scale_sums with GELU", dtype, columns, shift, i, out[i], e, 1.01, 1e-6);
        } else {
          same("scale_sums", dtype, columns, shift, i, out[i], y);
        }
      }
    }
  }
}

}  // namespace kernel_test
