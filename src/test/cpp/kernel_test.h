// What the cases share: numbers of the three dtypes, codes, comparisons. Buffers end with the last
// element that may be touched, so that AddressSanitizer sees what goes beyond; outputs start as NaN.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "jdit_kernels.h"

namespace kernel_test {

inline constexpr float kNan = NAN;
inline std::mt19937 generator(20240607);
inline int calls = 0;

[[noreturn]] inline void fail(const std::string& what) {
  std::printf("FAILED: %s\n", what.c_str());
  std::exit(1);
}

// ---- numbers of the three dtypes ----

inline const char* const kNames[] = {"float32", "bfloat16", "float16"};
inline const double kHalfUlp[] = {0x1p-24, 0x1p-8, 0x1p-11};

inline size_t size_of(int dtype) { return dtype == JDIT_FLOAT32 ? 4 : 2; }

inline float rounded(int dtype, float x) {
  if (dtype == JDIT_FLOAT32 || std::isnan(x)) return x;
  if (dtype == JDIT_FLOAT16) return static_cast<float>(static_cast<_Float16>(x));
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline float read(int dtype, const void* p, int64_t i) {
  if (dtype == JDIT_FLOAT32) return static_cast<const float*>(p)[i];
  if (dtype == JDIT_FLOAT16) return static_cast<float>(static_cast<const _Float16*>(p)[i]);
  uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(p)[i]) << 16;
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline void write(int dtype, void* p, int64_t i, float x) {
  if (dtype == JDIT_FLOAT32) {
    static_cast<float*>(p)[i] = x;
  } else if (dtype == JDIT_FLOAT16) {
    static_cast<_Float16*>(p)[i] = static_cast<_Float16>(x);
  } else {
    float y = rounded(JDIT_BFLOAT16, x);
    uint32_t bits;
    std::memcpy(&bits, &y, 4);
    static_cast<uint16_t*>(p)[i] = static_cast<uint16_t>(bits >> 16);
  }
}

// Numbers whose address lies `shift` elements off an alignment of 16 bytes.
class Numbers {
 public:
  Numbers(int dtype, int64_t n, int shift, const std::function<float(int64_t)>& value)
      : dtype_(dtype), n_(n), shift_(shift) {
    size_t bytes = (n + shift) * size_of(dtype);
    memory_.reset(static_cast<char*>(std::malloc(bytes > 0 ? bytes : 1)));
    for (int64_t i = 0; i < shift; i++) write(dtype, memory_.get(), i, 123);
    for (int64_t i = 0; i < n; i++) write(dtype, data(), i, value(i));
  }
  void* data(int64_t at = 0) { return memory_.get() + (at + shift_) * size_of(dtype_); }
  float operator[](int64_t i) const {
    return read(dtype_, memory_.get(), i + shift_);
  }
  int64_t size() const { return n_; }
  void check_front(const char* what) const {
    for (int64_t i = 0; i < shift_; i++) {
      if (read(dtype_, memory_.get(), i) != 123) fail(std::string(what) + " wrote ahead of its output");
    }
  }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  int dtype_;
  int64_t n_, shift_;
  std::unique_ptr<char, Free> memory_;
};

inline Numbers normal(int dtype, int64_t n, int shift, float scale = 1) {
  std::normal_distribution<float> d;
  return Numbers(dtype, n, shift, [&](int64_t) { return d(generator) * scale; });
}

inline Numbers empty(int dtype, int64_t n, int shift) {
  return Numbers(dtype, n, shift, [](int64_t) { return kNan; });
}

inline void ok(int rc) {
  calls++;
  if (rc != 0) fail(jdit_last_error());
}

inline std::string place(const char* what, int dtype, int64_t size, int shift, int64_t i) {
  return std::string(what) + " " + kNames[dtype] + " size " + std::to_string(size) + " shift " +
         std::to_string(shift) + " element " + std::to_string(i);
}

inline void close(const char* what, int dtype, int64_t size, int shift, int64_t i, double found,
                  double expected, double roundings, double absolute) {
  double bound = roundings * kHalfUlp[dtype] * std::fabs(expected) + absolute;
  if (!(std::fabs(found - expected) <= bound)) {
    fail(place(what, dtype, size, shift, i) + ": " + std::to_string(found) + ", expected " +
         std::to_string(expected));
  }
}

inline void same(const char* what, int dtype, int64_t size, int shift, int64_t i, float found,
                 float expected) {
  if (std::memcmp(&found, &expected, 4) != 0) close(what, dtype, size, shift, i, found, expected, 0, 0);
}

// ---- codes ----

inline float e4m3(int code) {
  int exponent = code >> 3 & 15, mantissa = code & 7;
  float x = exponent == 0 ? mantissa * 0x1p-9f : std::ldexp(8.0f + mantissa, exponent - 10);
  if ((code & 127) == 127) x = kNan;
  return code & 128 ? -x : x;
}

// The nearest code, of two the even one.
inline int to_e4m3(float x) {
  static const auto magnitudes = [] {
    std::array<double, 127> all;
    for (int code = 0; code < 127; code++) all[code] = e4m3(code);
    return all;
  }();
  double magnitude = std::fabs(static_cast<double>(x));
  int best = 0;
  for (int code = 1; code < 127; code++) {
    double d = std::fabs(magnitude - magnitudes[code]);
    double least = std::fabs(magnitude - magnitudes[best]);
    if (d < least || (d == least && code % 2 == 0)) best = code;
  }
  return best | (std::signbit(x) ? 128 : 0);
}

// ---- cases in files of their own: dtype, and elements off an alignment of 16 bytes ----

void quantize_rows(int dtype, int shift);
void quantize_tensor(int dtype, int shift);
void quantize_parts(int dtype, int shift);
void scale_sums(int dtype, int shift);

}  // namespace kernel_test
