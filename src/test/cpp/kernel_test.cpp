// The CUDA kernels over the emulation, through the C ABI: every function, dtype and alignment, odd
// sizes, against formulas written here and in the files beside.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "emulation.h"
#include "kernel_test.h"

using namespace kernel_test;

namespace {

constexpr double kEps = 1e-6;

void layer_norm(int dtype, int shift) {
  for (int64_t dim : {1, 7, 24, 48, 333, 1024, 3072, 6152}) {
    int64_t batch = 2, tokens = 3;
    Numbers x = normal(dtype, batch * tokens * dim, shift);
    Numbers chunks = normal(dtype, batch * 6 * dim, shift), out = empty(dtype, x.size(), shift);
    ok(jdit_layer_norm_modulate(x.data(), chunks.data(dim), chunks.data(4 * dim), out.data(),
                                batch * tokens, dim, tokens, 6 * dim, 6 * dim, kEps, dtype,
                                nullptr));
    out.check_front("layer_norm");
    for (int64_t r = 0; r < batch * tokens; r++) {
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < dim; i++) mean += x[r * dim + i] / static_cast<double>(dim);
      for (int64_t i = 0; i < dim; i++) variance += std::pow(x[r * dim + i] - mean, 2) / dim;
      for (int64_t i = 0; i < dim; i++) {
        int64_t c = r / tokens * 6 * dim + i;
        double e = (x[r * dim + i] - mean) / std::sqrt(variance + kEps) * (1.0 + chunks[c + dim]) +
                   chunks[c + 4 * dim];
        close("layer_norm", dtype, dim, shift, r * dim + i, out[r * dim + i], e, 1.01, 5e-6);
      }
    }
  }
}

void rope(int dtype, int shift) {
  int64_t batch = 2, tokens = 5, heads = 5, offset = 2, total = 9;
  for (int64_t dim : {1, 2, 7, 10, 16, 24, 64, 96, 128, 136, 256, 300}) {
    for (int mode = 0; mode < 4; mode++) {
      bool norm = mode & 1, turn = mode & 2;
      if (turn && dim % 2 != 0) continue;
      Numbers qkv = normal(dtype, batch * tokens * 3 * heads * dim, shift);
      Numbers weight = normal(dtype, dim, shift);
      Numbers cos = normal(JDIT_FLOAT32, total * dim, shift);
      Numbers sin = normal(JDIT_FLOAT32, total * dim, shift);
      Numbers out = empty(dtype, batch * total * heads * dim, shift);
      ok(jdit_rms_norm_rope(qkv.data(heads * dim), norm ? weight.data() : nullptr,
                            turn ? cos.data() : nullptr, turn ? sin.data() : nullptr, out.data(),
                            batch, tokens, heads, dim, tokens * 3 * heads * dim, 3 * heads * dim,
                            total, offset, kEps, dtype, nullptr));
      out.check_front("rms_norm_rope");
      std::vector<float> n(dim);
      for (int64_t row = 0; row < batch * total * heads; row++) {
        int64_t h = row % heads, t = row / heads % total - offset, b = row / heads / total;
        if (t < 0 || t >= tokens) {
          for (int64_t i = 0; i < dim; i++) {
            if (!std::isnan(out[row * dim + i])) fail("rms_norm_rope wrote another token");
          }
          continue;
        }
        int64_t from = ((b * tokens + t) * 3 + 1) * heads * dim + h * dim;
        double squares = 0;
        for (int64_t i = 0; i < dim; i++) squares += std::pow(qkv[from + i], 2);
        double inverse = 1 / std::sqrt(squares / dim + kEps);
        for (int64_t i = 0; i < dim; i++) {
          n[i] = qkv[from + i];
          if (norm) {
            n[i] = rounded(dtype, rounded(dtype, static_cast<float>(n[i] * inverse)) * weight[i]);
          }
        }
        for (int64_t i = 0; i < dim; i++) {
          int64_t at = (t + offset) * dim + i;
          double e = n[i];
          if (turn) {
            double other = i % 2 == 0 ? -n[i + 1] : n[i - 1];
            e = static_cast<double>(n[i]) * cos[at] + other * sin[at];
          }
          // Next to a tie within the formula both neighbours are right: a step of each factor.
          double slack = norm ? 4 * kHalfUlp[dtype] * (std::fabs(n[i]) + (turn ? 4 : 0)) : 0;
          close("rms_norm_rope", dtype, dim, shift, row * dim + i, out[row * dim + i], e, 1.01,
                4e-6 + (dtype == JDIT_FLOAT32 ? 0 : slack));
        }
      }
    }
  }
}

void gated(int dtype, int shift) {
  for (int64_t dim : {1, 7, 24, 48, 333, 3072}) {
    int64_t batch = 2, tokens = 3;
    Numbers x = normal(dtype, batch * tokens * dim, shift), y = normal(dtype, x.size(), shift);
    Numbers gate = normal(dtype, batch * 3 * dim, shift), out = empty(dtype, x.size(), shift);
    ok(jdit_gated_residual(x.data(), y.data(), gate.data(dim), out.data(), batch * tokens, dim,
                           tokens, 3 * dim, dtype, nullptr));
    out.check_front("gated_residual");
    for (int64_t i = 0; i < x.size(); i++) {
      double g = gate[i / (tokens * dim) * 3 * dim + dim + i % dim];
      close("gated_residual", dtype, dim, shift, i, out[i], x[i] + g * y[i], 1.01, 1e-6);
    }
    ok(jdit_gated_residual(x.data(), y.data(), gate.data(dim), x.data(), batch * tokens, dim,
                           tokens, 3 * dim, dtype, nullptr));
    for (int64_t i = 0; i < x.size(); i++) same("in place", dtype, dim, shift, i, x[i], out[i]);
  }
}

void gelu(int dtype, int shift) {
  for (int64_t dim : {1, 7, 24, 48, 333, 3072}) {
    int64_t rows = 6, wide = dim + 8;
    Numbers x = normal(dtype, rows * dim, shift, 4), out = empty(dtype, rows * wide, shift);
    ok(jdit_gelu_tanh(x.data(), out.data(8), rows, dim, dim, wide, dtype, nullptr));
    out.check_front("gelu_tanh");
    for (int64_t i = 0; i < rows * wide; i++) {
      int64_t r = i / wide, c = i % wide - 8;
      if (c < 0) {
        if (!std::isnan(out[i])) fail("gelu_tanh wrote beside its slice");
        continue;
      }
      double v = x[r * dim + c];
      double e = 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
      close("gelu_tanh", dtype, dim, shift, i, out[i], e, 1.01, 1e-6);
    }
  }
  float extremes[] = {0, -0.0f, 300, -300, INFINITY, kNan, 6e4f, -6e4f};
  Numbers x(dtype, 8, shift, [&](int64_t i) { return extremes[i]; });
  Numbers out = empty(dtype, 8, shift);
  ok(jdit_gelu_tanh(x.data(), out.data(), 1, 8, 8, 8, dtype, nullptr));
  float expected[] = {0, -0.0f, x[2], -0.0f, INFINITY, kNan, x[6], -0.0f};
  for (int i = 0; i < 8; i++) {
    if (i != 5) same("gelu_tanh of extremes", dtype, 8, shift, i, out[i], expected[i]);
  }
  if (!std::isnan(out[5])) fail("gelu_tanh of NaN");
}

double silu(double x) { return x / (1 + std::exp(-x)); }

void silu_mul(int dtype, int shift) {
  for (int64_t dim : {1, 7, 24, 48, 333, 3072}) {
    int64_t rows = 6, wide = 2 * dim;
    Numbers x = normal(dtype, rows * wide, shift, 4), out = empty(dtype, rows * dim, shift);
    ok(jdit_silu_mul(x.data(), x.data(dim), out.data(), rows, dim, wide, wide, dtype, nullptr));
    out.check_front("silu_mul");
    for (int64_t i = 0; i < rows * dim; i++) {
      int64_t at = i / dim * wide + i % dim;
      // In float32 exponential, sum and quotient round as much as the result.
      double roundings = dtype == JDIT_FLOAT32 ? 4.01 : 2.01;
      close("silu_mul", dtype, dim, shift, i, out[i], silu(x[at]) * x[at + dim], roundings, 1e-6);
    }
  }
}

void channel_norm(int dtype, int shift) {
  for (int64_t channels : {1, 5, 96}) {
    for (int64_t inner : {1, 7, 64, 700}) {
      for (int gated : {0, 1}) {
        int64_t outer = 2;
        Numbers x = normal(dtype, outer * channels * inner, shift, 3);
        Numbers weight = normal(dtype, channels, shift), out = empty(dtype, x.size(), shift);
        ok(jdit_channel_norm(x.data(), weight.data(), out.data(), outer, channels, inner, 1e-12,
                             gated, dtype, nullptr));
        out.check_front("channel_norm");
        for (int64_t i = 0; i < x.size(); i++) {
          int64_t pixel = i / (channels * inner) * channels * inner + i % inner;
          double squares = 0;
          for (int64_t c = 0; c < channels; c++) squares += std::pow(x[pixel + c * inner], 2);
          double e = x[i] / std::max(std::sqrt(squares), 1e-12) * weight[i / inner % channels];
          close("channel_norm", dtype, channels, shift, i, out[i], gated ? silu(e) : e, 4.01, 1e-6);
        }
      }
    }
  }
}

const int64_t kLengths[] = {1, 7, 24, 333, 5001};

void residual(int dtype, int shift) {
  for (int64_t n : kLengths) {
    Numbers h = normal(dtype, n, shift), h0 = normal(dtype, n, shift);
    Numbers previous = normal(dtype, n, shift);
    for (int exact = 0; exact < 2; exact++) {
      Numbers r = empty(dtype, n, shift);
      std::vector<double> sums(JDIT_RESIDUAL_SUMS, NAN), again(JDIT_RESIDUAL_SUMS, NAN);
      ok(jdit_residual_diff(h.data(), h0.data(), previous.data(), r.data(), sums.data(), n, exact,
                            dtype, nullptr));
      r.check_front("residual_diff");
      double difference = 0, magnitude = 0;
      for (int64_t i = 0; i < n; i++) {
        float e = rounded(dtype, h[i] - h0[i]);
        same("residual_diff", dtype, n, shift, i, r[i], e);
        double d = exact ? rounded(dtype, previous[i] - e) : static_cast<double>(previous[i]) - e;
        difference += std::fabs(d);
        magnitude += std::fabs(previous[i]);
      }
      if (!(std::fabs(sums[0] - difference) <= 5e-7 * difference) ||
          !(std::fabs(sums[1] - magnitude) <= 5e-7 * magnitude)) {
        fail(place("residual_diff sums", dtype, n, shift, exact));
      }
      ok(jdit_residual_diff(r.data(), nullptr, previous.data(), nullptr, again.data(), n, exact,
                            dtype, nullptr));
      if (again[0] != sums[0] || again[1] != sums[1]) fail("sums of a given residual differ");
    }
    Numbers r = empty(dtype, n, shift);
    ok(jdit_residual_diff(h.data(), h0.data(), nullptr, r.data(), nullptr, n, 1, dtype, nullptr));
    for (int64_t i = 0; i < n; i++) {
      same("residual alone", dtype, n, shift, i, r[i], rounded(dtype, h[i] - h0[i]));
    }
  }
}

void taylor(int dtype, int shift) {
  for (int64_t n : kLengths) {
    for (int order : {0, 1, 3, 7}) {
      Numbers h = normal(dtype, n, shift), h1 = normal(dtype, n, shift);
      std::vector<Numbers> previous, next;
      std::vector<const void*> from;
      std::vector<void*> to;
      for (int i = 0; i <= order; i++) {
        previous.push_back(normal(dtype, n, shift));
        next.push_back(empty(dtype, n, shift));
        from.push_back(i < order ? previous[i].data() : nullptr);
        to.push_back(next[i].data());
      }
      ok(jdit_taylor_update(h.data(), h1.data(), from.data(), to.data(), order, 3, n, dtype,
                            nullptr));
      Numbers out = empty(dtype, n, shift);
      std::vector<const void*> ladder(to.begin(), to.end());
      ok(jdit_taylor_eval(ladder.data(), order + 1, h1.data(), out.data(), 5, n, dtype, nullptr));
      out.check_front("taylor_eval");
      for (int64_t i = 0; i < n; i++) {
        float d = rounded(dtype, h[i] - h1[i]), sum = 0;
        double factorial = 1;
        for (int k = 0; k <= order; k++) {
          same("taylor_update", dtype, n, shift, i, next[k][i], d);
          factorial *= k == 0 ? 1 : k;
          float term = rounded(dtype, static_cast<float>(1 / factorial) * d);
          sum = rounded(dtype,
                        sum + rounded(dtype, term * static_cast<float>(std::pow(5.0, k))));
          d = rounded(dtype, rounded(dtype, d - previous[k][i]) / 3.0f);
        }
        same("taylor_eval", dtype, n, shift, i, out[i], rounded(dtype, sum + h1[i]));
      }
    }
  }
}

void foca(int dtype, int shift) {
  for (int64_t n : kLengths) {
    for (double t : {2.0, 5.0}) {
      Numbers a = normal(dtype, n, shift), a1 = normal(dtype, n, shift);
      Numbers f = normal(dtype, n, shift), f1 = normal(dtype, n, shift);
      Numbers y = empty(dtype, n, shift), sum = empty(dtype, n, shift);
      ok(jdit_foca_eval(a.data(), a1.data(), f.data(), f1.data(), f.data(), y.data(), sum.data(),
                        t, n, dtype, nullptr));
      auto r = [&](float x) { return rounded(dtype, x); };
      for (int64_t i = 0; i < n; i++) {
        float g = r(r(a[i] - a1[i]) + r(f[i] - f1[i])), e;
        if (t <= 3) {
          e = r(a[i] + r(static_cast<float>(t / 2) * g));
        } else {
          float w = static_cast<float>(3 / t), z = r(a[i] + r(1.5f * g));
          e = r(r(w * z) + r(static_cast<float>(1 - 3 / t) * a[i]));
        }
        same("foca_eval", dtype, n, shift, i, y[i], e);
        same("foca_eval sum", dtype, n, shift, i, sum[i], r(e + f[i]));
      }
    }
  }
}

void float8(int dtype, int shift) {
  for (int64_t dim : {1, 4, 7, 16, 40, 100, 128, 300}) {
    for (int format : {JDIT_FLOAT32, JDIT_BFLOAT16}) {
      // Rows [3, 5, 2] that go to [5, 2, 3]-major places.
      int64_t bytes = dim + (format == JDIT_FLOAT32 ? 4 : 2);
      int64_t shape[] = {1, 3, 5, 2}, from[] = {0, 10 * dim, 2 * dim, dim};
      int64_t to[] = {0, bytes, 6 * bytes, 3 * bytes};
      std::normal_distribution<float> d;
      Numbers x(dtype, 30 * dim, shift, [&](int64_t i) {
        int64_t row = i / dim;
        float scales[] = {1, 0, 1e-5f, 1000, dtype == JDIT_FLOAT16 ? 1e4f : 1e37f};
        return d(generator) * scales[row % 5] * (i % 11 == 0 ? -0.0f : 1);
      });
      std::vector<char> memory(30 * bytes + shift, 77);
      // Exact memory for AddressSanitizer: not the vector's, which may have capacity to spare.
      std::unique_ptr<uint8_t[]> packed(new uint8_t[30 * bytes + shift]);
      std::memcpy(packed.get(), memory.data(), memory.size());
      uint8_t* codes = packed.get() + shift;
      ok(jdit_fp8_pack(x.data(), codes, shape, from, to, dim, format, dtype, nullptr));
      Numbers back = empty(dtype, 30 * dim, shift);
      ok(jdit_fp8_unpack(codes, back.data(), shape, to, from, dim, format, dtype, nullptr));
      for (int i = 0; i < shift; i++) {
        if (packed[i] != 77) fail("fp8_pack wrote ahead of its output");
      }
      for (int64_t row = 0; row < 30; row++) {
        int64_t a = row / 10, b = row / 2 % 5, c = row % 2;
        const uint8_t* p = codes + a * to[1] + b * to[2] + c * to[3];
        float largest = 0;
        for (int64_t i = 0; i < dim; i++) largest = std::fmax(largest, std::fabs(x[row * dim + i]));
        float scale = format == JDIT_FLOAT32 ? std::fmax(largest / 448.0f, 1e-6f)
                                             : std::fmax(largest, 1e-4f) / 448.0f;
        float stored = format == JDIT_FLOAT32 ? scale : rounded(JDIT_BFLOAT16, scale), found;
        if (format == JDIT_FLOAT32) {
          std::memcpy(&found, p + dim, 4);
        } else {
          uint32_t bits = static_cast<uint32_t>(p[dim] | p[dim + 1] << 8) << 16;
          std::memcpy(&found, &bits, 4);
        }
        same("fp8_pack scale", dtype, dim, shift, row, found, stored);
        for (int64_t i = 0; i < dim; i++) {
          float v = x[row * dim + i], q = format == JDIT_FLOAT32 ? v / scale : v * (1.0f / scale);
          if (p[i] != to_e4m3(q)) fail(place("fp8_pack", dtype, dim, shift, row * dim + i));
          same("fp8_unpack", dtype, dim, shift, row * dim + i, back[row * dim + i],
               rounded(dtype, e4m3(p[i]) * stored));
        }
      }
    }
  }
}

void merge(int dtype, int shift) {
  int64_t shapes[][4] = {{1, 1, 1, 1}, {2, 3, 5, 7}, {1, 4, 2, 16}, {2, 5, 3, 40}, {1, 30, 2, 64},
                         {1, 2, 2, 128}, {1, 3, 2, 300}};
  for (auto& s : shapes) {
    int64_t rows = s[0] * s[1] * s[2], n = rows * s[3];
    Numbers out = normal(JDIT_FLOAT32, n, shift), lse = normal(JDIT_FLOAT32, rows, shift, 20);
    Numbers part = normal(dtype, n, shift), other = normal(JDIT_FLOAT32, rows, shift, 20);
    if (rows > 3) {
      write(JDIT_FLOAT32, lse.data(), 0, INFINITY);
      write(JDIT_FLOAT32, other.data(), 1, -INFINITY);
      write(JDIT_FLOAT32, lse.data(), 2, -INFINITY);
      write(JDIT_FLOAT32, other.data(), 2, INFINITY);
    }
    std::vector<float> o(n), l(rows);
    for (int64_t i = 0; i < n; i++) o[i] = out[i];
    for (int64_t i = 0; i < rows; i++) l[i] = lse[i];
    ok(jdit_merge_attention(out.data(), lse.data(), part.data(), other.data(), s[0], s[1], s[2],
                            s[3], dtype, nullptr));
    for (int64_t i = 0; i < rows; i++) {
      int64_t t = i % s[1], h = i / s[1] % s[2], b = i / s[1] / s[2];
      double m = std::isinf(l[i]) ? -INFINITY : l[i];
      double q = std::isinf(other[i]) ? -INFINITY : other[i];
      double weight = std::isinf(q) ? 0 : std::isinf(m) ? 1 : 1 / (1 + std::exp(m - q));
      double most = std::fmax(m, q);
      double e = std::isinf(most) ? -INFINITY : most + std::log(std::exp(m - most) + std::exp(q - most));
      if (!(lse[i] == e || std::fabs(lse[i] - e) <= 1e-6 * std::fmax(1, std::fabs(e)) * 4)) {
        fail(place("merge_attention lse", dtype, s[3], shift, i));
      }
      for (int64_t d = 0; d < s[3]; d++) {
        int64_t at = ((b * s[1] + t) * s[2] + h) * s[3] + d;
        double v = weight == 0 ? o[at] : weight == 1 ? part[at] : o[at] + weight * (part[at] - o[at]);
        close("merge_attention", JDIT_FLOAT32, s[3], shift, at, out[at], v, 0, 4e-6);
      }
    }
  }
}

// Each call of the ABI launches on the stream it is given, in order, and reports what a launch says.
void launches() {
  int dummy;
  void* stream = &dummy;
  Numbers x = normal(JDIT_FLOAT32, 1024, 0), y = empty(JDIT_FLOAT32, 1024, 0);
  std::vector<double> sums(JDIT_RESIDUAL_SUMS, NAN);
  std::vector<uint8_t> codes(1024);
  emulation::take_launches();
  ok(jdit_gelu_tanh(x.data(), y.data(), 1, 1024, 1024, 1024, JDIT_FLOAT32, stream));
  ok(jdit_residual_diff(x.data(), nullptr, y.data(), nullptr, sums.data(), 1024, 0, JDIT_FLOAT32,
                        stream));
  ok(jdit_quantize_rows(x.data(), nullptr, codes.data(), y.data(), 2, 512, 0, 0, 1, JDIT_INT8,
                        JDIT_FLOAT32, stream));
  auto seen = emulation::take_launches();
  if (seen.size() != 6) fail("expected launches: gelu_tanh 1, residual_diff 2, quantize_rows 3");
  for (auto& l : seen) {
    if (l.stream != stream) fail("a launch on another stream than the caller's");
  }
  // More rows than the largest grid: it is asked for, and not one that the runtime refuses.
  emulation::fail_next_launch(9);
  jdit_layer_norm_modulate(x.data(), x.data(), x.data(), y.data(), 1 << 20, 1, 1 << 20, 1, 1, kEps,
                           JDIT_FLOAT32, nullptr);
  if (emulation::take_launches()[0].blocks != 65535) fail("expected the largest grid");
  // An error of the runtime comes back with its text and the function's name, and only once.
  for (int error : {9, 700}) {
    emulation::fail_next_launch(error);
    if (jdit_gelu_tanh(x.data(), y.data(), 1, 8, 8, 8, JDIT_FLOAT32, stream) == 0) {
      fail("a failed launch went unnoticed");
    }
    std::string text = jdit_last_error();
    if (text.rfind("jdit_gelu_tanh: ", 0) != 0) fail("the error names another function: " + text);
    ok(jdit_gelu_tanh(x.data(), y.data(), 1, 8, 8, 8, JDIT_FLOAT32, stream));
  }
  // Refused arguments launch nothing.
  emulation::take_launches();
  if (jdit_gelu_tanh(nullptr, y.data(), 1, 8, 8, 8, JDIT_FLOAT32, stream) == 0 ||
      jdit_attention(x.data(), x.data(), x.data(), y.data(), nullptr, 1, 1, 1, 1, 8, 8, 8, 8, 8, 8,
                     8, 8, 8, 8, 8, 8, 8, 1, 0, 0, JDIT_FLOAT32, stream) == 0 ||
      jdit_quantize_rows(x.data(), nullptr, codes.data(), y.data(), 1, 8, 0, 0, 0, JDIT_INT8_WEIGHT,
                         JDIT_FLOAT32, stream) == 0 ||
      jdit_quantize_rows(x.data(), nullptr, codes.data(), y.data(), 1, 8, 8, 0, 0, JDIT_INT8,
                         JDIT_FLOAT32, stream) == 0 ||
      jdit_quantize_rows(x.data(), x.data(), codes.data(), y.data(), 1, 8, 0, 0, 0, JDIT_INT8,
                         JDIT_FLOAT32, stream) == 0) {
    fail("wrong arguments were taken");
  }
  ok(jdit_gelu_tanh(x.data(), y.data(), 0, 8, 8, 8, JDIT_FLOAT32, stream));
  if (!emulation::take_launches().empty()) fail("a refused or empty call launched");
}

}  // namespace

// kernel_test [CASE]: one case by the start of its name, or everything.
int main(int argc, char** argv) {
  struct Case {
    const char* name;
    void (*run)(int, int);
  } cases[] = {{"layer_norm_modulate", layer_norm}, {"rms_norm_rope", rope},
               {"gated_residual", gated},           {"gelu_tanh", gelu},
               {"silu_mul", silu_mul},              {"channel_norm", channel_norm},
               {"residual_diff", residual},         {"taylor_update, taylor_eval", taylor},
               {"foca_eval", foca},                 {"fp8_pack, fp8_unpack", float8},
               {"merge_attention", merge},          {"quantize_rows", quantize_rows},
               {"quantize_rows per tensor", quantize_tensor}, {"quantize_rows of parts", quantize_parts},
               {"scale_sums", scale_sums}};
  for (auto& c : cases) {
    if (argc > 1 && std::strncmp(c.name, argv[1], std::strlen(argv[1])) != 0) continue;
    int before = calls;
    for (int dtype = 0; dtype < 3; dtype++) {
      for (int shift : {0, 1, 4}) c.run(dtype, shift);
    }
    std::printf("%-28s 3 dtypes, 3 alignments, %d calls\n", c.name, calls - before);
    std::fflush(stdout);
  }
  if (argc > 1) return 0;
  // A grid that is smaller than the work. Each block of residual_diff, and of the search for a scale
  // per tensor, leaves a partial result to the next kernel, which is not for this.
  emulation::limit_blocks(2);
  for (auto& c : cases) {
    if (c.run == residual || c.run == quantize_tensor || c.run == quantize_parts) continue;
    for (int shift : {0, 1}) c.run(JDIT_BFLOAT16, shift);
  }
  emulation::limit_blocks(0);
  std::printf("grids of two blocks: as expected\n");
  launches();
  std::printf("launches, streams, errors: as expected\n");
  return 0;
}
