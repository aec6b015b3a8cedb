// Checked arguments of the kernels, as the two back ends receive them. Meaning: jdit_kernels.h.
#pragma once

#include <cstdint>

#include "jdit_kernels.h"

namespace jdit {

struct LayerNormModulate {
  const void *x, *scale, *shift;
  void* out;
  int64_t rows, dim, rows_per_batch, scale_stride, shift_stride;
  float eps;
  int dtype;
};

struct RmsNormRope {
  const void *x, *weight;
  const float *cos, *sin;
  void* out;
  int64_t batch, tokens, heads, head_dim, x_batch_stride, x_token_stride, out_tokens, out_offset;
  float eps;
  int dtype;
};

struct GatedResidual {
  const void *x, *y, *gate;
  void* out;
  int64_t rows, dim, rows_per_batch, gate_stride;
  int dtype;
};

struct GeluTanh {
  const void* x;
  void* out;
  int64_t rows, dim, x_stride, out_stride;
  int dtype;
};

struct SiluMul {
  const void *gate, *up;
  void* out;
  int64_t rows, dim, gate_stride, up_stride;
  int dtype;
};

struct ChannelNorm {
  const void *x, *weight;
  void* out;
  int64_t outer, channels, inner;
  float eps;
  bool silu;
  int dtype;
};

struct Strides {
  int64_t batch, token, head;
};

struct Attention {
  const void *q, *k, *v;
  void* out;
  float* lse;
  int64_t batch, heads, q_len, k_len, head_dim;
  Strides q_stride, k_stride, v_stride, out_stride;
  float scale;
  bool causal, int8;
  int dtype;
};

struct ResidualDiff {
  const void *h, *h0, *prev;
  void* residual;
  double* sums;
  int64_t n;
  bool exact;
  int dtype;
};

inline constexpr int kMaxLadder = JDIT_MAX_TAYLOR_ORDER + 1;

// levels: entries of `next` to write. Scalars are float32 because that is how LibTorch applies a
// number to a tensor of any of the three dtypes.
struct TaylorUpdate {
  const void *h, *h1;
  const void* previous[kMaxLadder];
  void* next[kMaxLadder];
  int levels;
  float window;
  int64_t n;
  int dtype;
};

struct TaylorEval {
  const void* ladder[kMaxLadder];
  float inverse_factorial[kMaxLadder], power[kMaxLadder];
  int terms;
  const void* base;
  void* out;
  int64_t n;
  int dtype;
};

struct FocaEval {
  const void *a, *a1, *f, *f1, *base;
  void *y, *sum;
  bool near;                      // t <= 3
  float half_t, weight, rest;     // t/2; 3/t; 1 - 3/t
  int64_t n;
  int dtype;
};

// An index space of rows of `dim` adjacent numbers and of their packed bytes.
struct Float8Rows {
  int64_t shape[4], strides[4], packed_strides[4], dim;
  int64_t count;  // product of shape
};

struct Float8Pack {
  const void* x;
  void* packed;
  Float8Rows rows;
  int scale_dtype, dtype;
};

struct Float8Unpack {
  const void* packed;
  void* x;
  Float8Rows rows;
  int scale_dtype, dtype;
};

struct MergeAttention {
  float *out, *lse;
  const void* part;
  const float* part_lse;
  int64_t batch, tokens, heads, head_dim;
  int dtype;
};

struct QuantizedLinear {
  const void *x, *codes;
  const void *scale, *zero;  // float32 [out] and null, or of 4 bits bfloat16 [in / 32, out]
  const void* bias;
  void* out;
  int64_t rows, in, columns;
  bool gelu;
  int format, dtype;
};

struct QuantizeRows {
  const void *x, *y;
  void* codes;
  float* scales;
  int64_t rows, x_dim, y_dim;
  bool gelu_x, gelu_y, per_tensor;
  int format, dtype;
};

struct ScaleSums {
  const int32_t* sums;
  const float *row_scale, *column_scale;
  const void* bias;
  void* out;
  int64_t rows, columns, row_scale_stride, column_scale_stride;
  bool gelu;
  int dtype;
};

// What a back end implements: 0, or the value of fail().
int run(const LayerNormModulate& args, void* stream);
int run(const RmsNormRope& args, void* stream);
int run(const GatedResidual& args, void* stream);
int run(const GeluTanh& args, void* stream);
int run(const SiluMul& args, void* stream);
int run(const ChannelNorm& args, void* stream);
int run(const Attention& args, void* stream);
int run(const ResidualDiff& args, void* stream);
int run(const TaylorUpdate& args, void* stream);
int run(const TaylorEval& args, void* stream);
int run(const FocaEval& args, void* stream);
int run(const Float8Pack& args, void* stream);
int run(const Float8Unpack& args, void* stream);
int run(const MergeAttention& args, void* stream);
int run(const QuantizedLinear& args, void* stream);
int run(const QuantizeRows& args, void* stream);
int run(const ScaleSums& args, void* stream);
bool has_quantized_linear();
bool has_quantize_rows();
int select_isa(const char* isa);
const char* build_info();

// Records the text for jdit_last_error() and returns 1.
__attribute__((format(printf, 1, 2))) int fail(const char* format, ...);

}  // namespace jdit
