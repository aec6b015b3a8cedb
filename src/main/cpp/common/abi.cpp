// The exported functions: argument checks, then the back end that this file is linked with.
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "arguments.h"

namespace jdit {
namespace {

thread_local char last_error[512] = "";

// Of jdit_quantize_rows, which counts in 32 bits.
constexpr int64_t kLongestRow = 1 << 29;

int require_dtype(const char* op, int dtype) {
  if (dtype < JDIT_FLOAT32 || dtype > JDIT_FLOAT16) {
    return fail("%s: dtype code %d; expected 0 (float32), 1 (bfloat16) or 2 (float16)", op, dtype);
  }
  return 0;
}

int require_pointer(const char* op, const char* name, const void* pointer) {
  return pointer == nullptr ? fail("%s: %s is null", op, name) : 0;
}

int require_size(const char* op, const char* name, int64_t value, int64_t least) {
  if (value < least) {
    return fail("%s: %s is %lld; expected at least %lld", op, name,
                static_cast<long long>(value), static_cast<long long>(least));
  }
  return 0;
}

// Copies sizes and strides of a packed exchange; fails for a negative size.
int read_rows(const char* op, const int64_t* shape, const int64_t* strides,
              const int64_t* packed_strides, int64_t dim, int scale_dtype, Float8Rows* rows) {
  if (require_pointer(op, "shape", shape) || require_pointer(op, "x_strides", strides) ||
      require_pointer(op, "packed_strides", packed_strides) || require_size(op, "dim", dim, 1)) {
    return 1;
  }
  if (scale_dtype != JDIT_FLOAT32 && scale_dtype != JDIT_BFLOAT16) {
    return fail("%s: scale_dtype code %d; expected 0 (float32) or 1 (bfloat16)", op, scale_dtype);
  }
  for (int d = 0; d < 4; d++) {
    if (require_size(op, "shape[i]", shape[d], 0)) return 1;
    rows->shape[d] = shape[d];
    rows->strides[d] = strides[d];
    rows->packed_strides[d] = packed_strides[d];
  }
  rows->dim = dim;
  rows->count = shape[0] * shape[1] * shape[2] * shape[3];
  return 0;
}

}  // namespace

int fail(const char* format, ...) {
  va_list values;
  va_start(values, format);
  std::vsnprintf(last_error, sizeof last_error, format, values);
  va_end(values);
  return 1;
}

}  // namespace jdit

using namespace jdit;

#define REQUIRE(check) \
  if (check) return 1
#define REQUIRE_DTYPE() REQUIRE(require_dtype(__func__, dtype))
#define REQUIRE_POINTER(name) REQUIRE(require_pointer(__func__, #name, name))
#define REQUIRE_SIZE(name, least) REQUIRE(require_size(__func__, #name, name, least))

extern "C" {

int jdit_abi_version(void) { return JDIT_ABI_VERSION; }

const char* jdit_build_info(void) { return build_info(); }

const char* jdit_last_error(void) { return last_error; }

int jdit_select_isa(const char* isa) {
  REQUIRE_POINTER(isa);
  return select_isa(isa);
}

int jdit_layer_norm_modulate(const void* x, const void* scale, const void* shift, void* out,
                             int64_t rows, int64_t dim, int64_t rows_per_batch,
                             int64_t scale_stride, int64_t shift_stride, double eps, int dtype,
                             void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(rows, 0);
  if (rows == 0) return 0;
  REQUIRE_SIZE(dim, 1);
  REQUIRE_SIZE(rows_per_batch, 1);
  REQUIRE_POINTER(x);
  REQUIRE_POINTER(scale);
  REQUIRE_POINTER(shift);
  REQUIRE_POINTER(out);
  return run(LayerNormModulate{x, scale, shift, out, rows, dim, rows_per_batch, scale_stride,
                               shift_stride, static_cast<float>(eps), dtype},
             stream);
}

int jdit_rms_norm_rope(const void* x, const void* weight, const void* cos, const void* sin,
                       void* out, int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim,
                       int64_t x_batch_stride, int64_t x_token_stride, int64_t out_tokens,
                       int64_t out_offset, double eps, int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(batch, 0);
  REQUIRE_SIZE(tokens, 0);
  REQUIRE_SIZE(heads, 1);
  REQUIRE_SIZE(head_dim, 1);
  REQUIRE_SIZE(out_offset, 0);
  REQUIRE_SIZE(out_tokens, out_offset + tokens);
  if (batch == 0 || tokens == 0) return 0;
  REQUIRE_POINTER(x);
  REQUIRE_POINTER(out);
  if ((cos == nullptr) != (sin == nullptr)) {
    return fail("%s: cos and sin must be given together", __func__);
  }
  if (cos != nullptr && head_dim % 2 != 0) {
    return fail("%s: head_dim is %lld; rotation needs an even one", __func__,
                static_cast<long long>(head_dim));
  }
  return run(RmsNormRope{x, weight, static_cast<const float*>(cos),
                         static_cast<const float*>(sin), out, batch, tokens, heads, head_dim,
                         x_batch_stride, x_token_stride, out_tokens, out_offset,
                         static_cast<float>(eps), dtype},
             stream);
}

int jdit_gated_residual(const void* x, const void* y, const void* gate, void* out, int64_t rows,
                        int64_t dim, int64_t rows_per_batch, int64_t gate_stride, int dtype,
                        void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(rows, 0);
  if (rows == 0) return 0;
  REQUIRE_SIZE(dim, 1);
  REQUIRE_SIZE(rows_per_batch, 1);
  REQUIRE_POINTER(x);
  REQUIRE_POINTER(y);
  REQUIRE_POINTER(gate);
  REQUIRE_POINTER(out);
  return run(GatedResidual{x, y, gate, out, rows, dim, rows_per_batch, gate_stride, dtype},
             stream);
}

int jdit_gelu_tanh(const void* x, void* out, int64_t rows, int64_t dim, int64_t x_stride,
                   int64_t out_stride, int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(rows, 0);
  if (rows == 0) return 0;
  REQUIRE_SIZE(dim, 1);
  REQUIRE_POINTER(x);
  REQUIRE_POINTER(out);
  return run(GeluTanh{x, out, rows, dim, x_stride, out_stride, dtype}, stream);
}

int jdit_silu_mul(const void* gate, const void* up, void* out, int64_t rows, int64_t dim,
                  int64_t gate_stride, int64_t up_stride, int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(rows, 0);
  if (rows == 0) return 0;
  REQUIRE_SIZE(dim, 1);
  REQUIRE_POINTER(gate);
  REQUIRE_POINTER(up);
  REQUIRE_POINTER(out);
  return run(SiluMul{gate, up, out, rows, dim, gate_stride, up_stride, dtype}, stream);
}

int jdit_channel_norm(const void* x, const void* weight, void* out, int64_t outer,
                      int64_t channels, int64_t inner, double eps, int silu, int dtype,
                      void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(outer, 0);
  REQUIRE_SIZE(channels, 1);
  REQUIRE_SIZE(inner, 0);
  if (outer == 0 || inner == 0) return 0;
  REQUIRE_POINTER(x);
  REQUIRE_POINTER(weight);
  REQUIRE_POINTER(out);
  return run(ChannelNorm{x, weight, out, outer, channels, inner, static_cast<float>(eps),
                         silu != 0, dtype},
             stream);
}

int jdit_attention(const void* q, const void* k, const void* v, void* out, void* lse,
                   int64_t batch, int64_t heads, int64_t q_len, int64_t k_len, int64_t head_dim,
                   int64_t q_batch_stride, int64_t q_token_stride, int64_t q_head_stride,
                   int64_t k_batch_stride, int64_t k_token_stride, int64_t k_head_stride,
                   int64_t v_batch_stride, int64_t v_token_stride, int64_t v_head_stride,
                   int64_t out_batch_stride, int64_t out_token_stride, int64_t out_head_stride,
                   double scale, int causal, int int8, int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(batch, 0);
  REQUIRE_SIZE(heads, 0);
  REQUIRE_SIZE(q_len, 0);
  REQUIRE_SIZE(k_len, 1);
  REQUIRE_SIZE(head_dim, 1);
  if (batch == 0 || heads == 0 || q_len == 0) return 0;
  REQUIRE_POINTER(q);
  REQUIRE_POINTER(k);
  REQUIRE_POINTER(v);
  REQUIRE_POINTER(out);
  return run(Attention{q, k, v, out, static_cast<float*>(lse), batch, heads, q_len, k_len,
                       head_dim,
                       {q_batch_stride, q_token_stride, q_head_stride},
                       {k_batch_stride, k_token_stride, k_head_stride},
                       {v_batch_stride, v_token_stride, v_head_stride},
                       {out_batch_stride, out_token_stride, out_head_stride},
                       static_cast<float>(scale), causal != 0, int8 != 0, dtype},
             stream);
}

int jdit_residual_diff(const void* h, const void* h0, const void* prev, void* residual,
                       void* sums, int64_t n, int exact, int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(n, 1);
  REQUIRE_POINTER(h);
  if (prev != nullptr) {
    REQUIRE_POINTER(sums);
  } else {
    REQUIRE_POINTER(residual);
  }
  return run(ResidualDiff{h, h0, prev, residual, static_cast<double*>(sums), n, exact != 0, dtype},
             stream);
}

int jdit_taylor_update(const void* h, const void* h1, const void* const* previous,
                       void* const* next, int64_t order, double window, int64_t n, int dtype,
                       void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(n, 1);
  REQUIRE_SIZE(order, 0);
  if (order > JDIT_MAX_TAYLOR_ORDER) {
    return fail("%s: order is %lld; expected at most %d", __func__,
                static_cast<long long>(order), JDIT_MAX_TAYLOR_ORDER);
  }
  REQUIRE_POINTER(h);
  REQUIRE_POINTER(next);
  TaylorUpdate args{h, h1, {}, {}, 1, static_cast<float>(window), n, dtype};
  args.next[0] = next[0];
  REQUIRE(require_pointer(__func__, "next[0]", next[0]));
  for (int i = 0; i < order && previous != nullptr && previous[i] != nullptr; i++) {
    REQUIRE(require_pointer(__func__, "next[i]", next[i + 1]));
    args.previous[i] = previous[i];
    args.next[i + 1] = next[i + 1];
    args.levels++;
  }
  return run(args, stream);
}

int jdit_taylor_eval(const void* const* ladder, int64_t terms, const void* base, void* out,
                     double t, int64_t n, int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(n, 1);
  REQUIRE_SIZE(terms, 1);
  if (terms > kMaxLadder) {
    return fail("%s: terms is %lld; expected at most %d", __func__,
                static_cast<long long>(terms), kMaxLadder);
  }
  REQUIRE_POINTER(ladder);
  REQUIRE_POINTER(out);
  TaylorEval args{{}, {}, {}, static_cast<int>(terms), base, out, n, dtype};
  double factorial = 1;
  for (int i = 0; i < terms; i++) {
    REQUIRE(require_pointer(__func__, "ladder[i]", ladder[i]));
    factorial *= i == 0 ? 1 : i;
    args.ladder[i] = ladder[i];
    args.inverse_factorial[i] = static_cast<float>(1.0 / factorial);
    args.power[i] = static_cast<float>(std::pow(t, i));
  }
  return run(args, stream);
}

int jdit_foca_eval(const void* a, const void* a1, const void* f, const void* f1, const void* base,
                   void* y, void* sum, double t, int64_t n, int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(n, 1);
  REQUIRE_POINTER(a);
  REQUIRE_POINTER(a1);
  REQUIRE_POINTER(f);
  REQUIRE_POINTER(f1);
  REQUIRE_POINTER(y);
  if (base != nullptr) {
    REQUIRE_POINTER(sum);
  }
  double weight = 3.0 / t;
  return run(FocaEval{a, a1, f, f1, base, y, sum, t <= 3, static_cast<float>(t / 2),
                      static_cast<float>(weight), static_cast<float>(1 - weight), n, dtype},
             stream);
}

int jdit_fp8_pack(const void* x, void* packed, const int64_t* shape, const int64_t* x_strides,
                  const int64_t* packed_strides, int64_t dim, int scale_dtype, int dtype,
                  void* stream) {
  REQUIRE_DTYPE();
  Float8Pack args{x, packed, {}, scale_dtype, dtype};
  REQUIRE(read_rows(__func__, shape, x_strides, packed_strides, dim, scale_dtype, &args.rows));
  if (args.rows.count == 0) return 0;
  REQUIRE_POINTER(x);
  REQUIRE_POINTER(packed);
  return run(args, stream);
}

int jdit_fp8_unpack(const void* packed, void* x, const int64_t* shape,
                    const int64_t* packed_strides, const int64_t* x_strides, int64_t dim,
                    int scale_dtype, int dtype, void* stream) {
  REQUIRE_DTYPE();
  Float8Unpack args{packed, x, {}, scale_dtype, dtype};
  REQUIRE(read_rows(__func__, shape, x_strides, packed_strides, dim, scale_dtype, &args.rows));
  if (args.rows.count == 0) return 0;
  REQUIRE_POINTER(packed);
  REQUIRE_POINTER(x);
  return run(args, stream);
}

int jdit_merge_attention(void* out, void* lse, const void* part, const void* part_lse,
                         int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim, int dtype,
                         void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(batch, 0);
  REQUIRE_SIZE(tokens, 0);
  REQUIRE_SIZE(heads, 0);
  REQUIRE_SIZE(head_dim, 1);
  if (batch == 0 || tokens == 0 || heads == 0) return 0;
  REQUIRE_POINTER(out);
  REQUIRE_POINTER(lse);
  REQUIRE_POINTER(part);
  REQUIRE_POINTER(part_lse);
  return run(MergeAttention{static_cast<float*>(out), static_cast<float*>(lse), part,
                            static_cast<const float*>(part_lse), batch, tokens, heads, head_dim,
                            dtype},
             stream);
}

int jdit_has_quantized_linear(void) { return has_quantized_linear() ? 1 : 0; }

int jdit_pack_codes(const void* codes, void* packed, int64_t columns, int64_t in, int format) {
  REQUIRE_SIZE(columns, 1);
  REQUIRE_SIZE(in, 32);
  REQUIRE_POINTER(codes);
  REQUIRE_POINTER(packed);
  auto from = static_cast<const int8_t*>(codes);
  auto to = static_cast<int8_t*>(packed);
  int64_t depth = in, group = 1;  // bytes of a column, and of it side by side
  if (format == JDIT_INT8) group = 4;
  if (format == JDIT_INT4_WEIGHT) depth = in / 2;
  if (format == JDIT_BFLOAT16_WEIGHT) depth = 2 * in, group = 2;
  for (int64_t first = 0; first < columns; first += JDIT_PANEL) {
    int32_t sums[JDIT_PANEL] = {};
    for (int64_t c = 0; c < JDIT_PANEL; c++) {
      const int8_t* column = first + c < columns ? from + (first + c) * depth : nullptr;
      for (int64_t d = 0; d < depth; d++) {
        int8_t code = column == nullptr ? int8_t{0} : column[d];
        to[d / group * group * JDIT_PANEL + c * group + d % group] = code;
        sums[c] -= 128 * code;
      }
    }
    to += depth * JDIT_PANEL;
    if (format == JDIT_INT8) {
      std::memcpy(to, sums, sizeof sums);
      to += sizeof sums;
    }
  }
  return 0;
}

int jdit_quantized_linear(const void* x, const void* packed, const void* scale, const void* zero,
                          const void* bias, void* out, int64_t rows, int64_t columns, int64_t in,
                          int format, int gelu, int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(rows, 1);
  REQUIRE_SIZE(columns, 1);
  REQUIRE_SIZE(in, 32);
  REQUIRE_POINTER(x);
  REQUIRE_POINTER(packed);
  if (format != JDIT_BFLOAT16_WEIGHT) REQUIRE_POINTER(scale);
  REQUIRE_POINTER(out);
  if (in % 32 != 0) {
    return fail("%s: in must be a multiple of 32, got %lld", __func__, static_cast<long long>(in));
  }
  if (format < JDIT_INT8 || format > JDIT_BFLOAT16_WEIGHT || dtype == JDIT_FLOAT16) {
    return fail("%s: format %d with dtype %d is not supported", __func__, format, dtype);
  }
  if (format == JDIT_INT4_WEIGHT) REQUIRE_POINTER(zero);
  return run(QuantizedLinear{x, packed, scale, zero, bias, out, rows, in, columns, gelu != 0,
                             format, dtype},
             stream);
}

int jdit_has_quantize_rows(void) { return has_quantize_rows() ? 1 : 0; }

int jdit_quantize_rows(const void* x, const void* y, void* codes, void* scales, int64_t rows,
                       int64_t x_dim, int64_t y_dim, int gelu, int per_tensor, int format,
                       int dtype, void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(rows, 0);
  if (rows == 0) return 0;
  REQUIRE_SIZE(x_dim, 1);
  REQUIRE_SIZE(y_dim, y == nullptr ? 0 : 1);
  REQUIRE_POINTER(x);
  if (y_dim > 0) REQUIRE_POINTER(y);
  REQUIRE_POINTER(codes);
  REQUIRE_POINTER(scales);
  if (format != JDIT_INT8 && format != JDIT_FLOAT8) {
    return fail("%s: format %d is not supported", __func__, format);
  }
  if (x_dim > kLongestRow || y_dim > kLongestRow) {
    return fail("%s: rows of %lld and %lld; expected at most %lld each", __func__,
                static_cast<long long>(x_dim), static_cast<long long>(y_dim),
                static_cast<long long>(kLongestRow));
  }
  return run(QuantizeRows{x, y, codes, static_cast<float*>(scales), rows, x_dim, y_dim,
                          (gelu & 1) != 0, (gelu & 2) != 0, per_tensor != 0, format, dtype},
             stream);
}

int jdit_scale_sums(const void* sums, const void* row_scale, const void* column_scale,
                    const void* bias, void* out, int64_t rows, int64_t columns,
                    int64_t row_scale_stride, int64_t column_scale_stride, int gelu, int dtype,
                    void* stream) {
  REQUIRE_DTYPE();
  REQUIRE_SIZE(rows, 0);
  if (rows == 0) return 0;
  REQUIRE_SIZE(columns, 1);
  REQUIRE_POINTER(sums);
  REQUIRE_POINTER(row_scale);
  REQUIRE_POINTER(column_scale);
  REQUIRE_POINTER(out);
  return run(ScaleSums{static_cast<const int32_t*>(sums), static_cast<const float*>(row_scale),
                       static_cast<const float*>(column_scale), bias, out, rows, columns,
                       row_scale_stride, column_scale_stride, gelu != 0, dtype},
             stream);
}

}  // extern "C"
