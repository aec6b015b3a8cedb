/*
 * C ABI of JDiT's kernels. libjdit_kernels.so (CPU) and libjdit_kernels_cuda.so (CUDA) export the
 * same symbols; pointers are host pointers for the first and device pointers for the second.
 *
 * Tensors are flat pointers to elements of `dtype`; sizes and strides count elements. All
 * arithmetic is float32 and is rounded once, to nearest even, when the result is stored, unless a
 * function says otherwise. `out` may be one of the inputs where its layout is the same, and
 * must not overlap an input otherwise.
 *
 * `stream` is a cudaStream_t (null: the default stream) and is ignored by the CPU library. The CUDA
 * functions only launch; they never synchronise and never allocate.
 *
 * Every function returns 0, or non-zero with a text in jdit_last_error().
 */
#ifndef JDIT_KERNELS_H
#define JDIT_KERNELS_H

#include <stdint.h>

#define JDIT_ABI_VERSION 7

#define JDIT_FLOAT32 0
#define JDIT_BFLOAT16 1
#define JDIT_FLOAT16 2

/* Formats of jdit_quantized_linear; jdit_quantize_rows has JDIT_INT8 and JDIT_FLOAT8. */
#define JDIT_INT8 0
#define JDIT_INT8_WEIGHT 1
#define JDIT_FLOAT8 2
#define JDIT_FLOAT8_WEIGHT 3
#define JDIT_INT4_WEIGHT 4
#define JDIT_BFLOAT16_WEIGHT 5

/* Columns of a weight that jdit_pack_codes puts side by side. */
#define JDIT_PANEL 64

/* Doubles in the `sums` buffer of jdit_residual_diff: the two results, then partial sums. */
#define JDIT_RESIDUAL_SUMS 1026

/* Highest order of a Taylor ladder. */
#define JDIT_MAX_TAYLOR_ORDER 7

#if defined(JDIT_BUILDING)
#define JDIT_EXPORT __attribute__((visibility("default")))
#else
#define JDIT_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* JDIT_ABI_VERSION of the library; a caller refuses another one than its own. */
JDIT_EXPORT int jdit_abi_version(void);

/* One line: compiler, instruction sets or architectures built in, instruction set chosen. */
JDIT_EXPORT const char* jdit_build_info(void);

/* Why the last call of this thread failed; empty when none did. */
JDIT_EXPORT const char* jdit_last_error(void);

/*
 * Chooses the instruction set of the CPU kernels for the whole process: "scalar", "avx2", "avxvnni",
 * "avx512", "avx512vnni", "avx512bf16", "avx512amx" or "auto" (the best one; the environment
 * variable JDIT_CPU_ISA sets the start value). Fails for one that the processor lacks. The CUDA
 * library accepts "auto" only.
 */
JDIT_EXPORT int jdit_select_isa(const char* isa);

/*
 * Layer norm without affine parameters, then modulation (AdaLN):
 *   out = (x - mean) / sqrt(var + eps) * (1 + scale) + shift
 * x, out [rows, dim]; row r uses the row r / rows_per_batch of scale and shift [batch, dim].
 */
JDIT_EXPORT int jdit_layer_norm_modulate(const void* x, const void* scale, const void* shift,
                                         void* out, int64_t rows, int64_t dim,
                                         int64_t rows_per_batch, int64_t scale_stride,
                                         int64_t shift_stride, double eps, int dtype,
                                         void* stream);

/*
 * RMS norm over the head dimension, then rotary embedding, written at a token offset:
 *   n = round(x / sqrt(mean(x^2) + eps)); n = round(n * weight)
 *   out[2i] = n[2i] cos - n[2i+1] sin, out[2i+1] = n[2i+1] cos + n[2i] sin
 * x [batch, tokens, heads, head_dim] with strides of batch and token, heads contiguous;
 * out [batch, out_tokens, heads, head_dim], contiguous, rows out_offset .. out_offset + tokens;
 * cos, sin float32 [out_tokens, head_dim], each value twice; weight [head_dim].
 * A null weight means no norm, null cos and sin no rotation; with neither it copies.
 */
JDIT_EXPORT int jdit_rms_norm_rope(const void* x, const void* weight, const void* cos,
                                   const void* sin, void* out, int64_t batch, int64_t tokens,
                                   int64_t heads, int64_t head_dim, int64_t x_batch_stride,
                                   int64_t x_token_stride, int64_t out_tokens, int64_t out_offset,
                                   double eps, int dtype, void* stream);

/* out = x + gate * y; x, y, out [rows, dim], gate [batch, dim], row r uses r / rows_per_batch. */
JDIT_EXPORT int jdit_gated_residual(const void* x, const void* y, const void* gate, void* out,
                                    int64_t rows, int64_t dim, int64_t rows_per_batch,
                                    int64_t gate_stride, int dtype, void* stream);

/* GELU, tanh approximation; x and out [rows, dim] with row strides. */
JDIT_EXPORT int jdit_gelu_tanh(const void* x, void* out, int64_t rows, int64_t dim,
                               int64_t x_stride, int64_t out_stride, int dtype, void* stream);

/*
 * out = round(silu(gate)) * up, silu(x) = x / (1 + e^-x); gate and up [rows, dim] with row strides,
 * out contiguous.
 */
JDIT_EXPORT int jdit_silu_mul(const void* gate, const void* up, void* out, int64_t rows,
                              int64_t dim, int64_t gate_stride, int64_t up_stride, int dtype,
                              void* stream);

/*
 * Norm of each pixel over its channels, then SiLU where silu is not 0; x, out [outer, channels,
 * inner], contiguous, weight [channels]:
 *   y = round(x / max(sqrt(sum x^2), eps)) * weight, out = silu(round(y))
 */
JDIT_EXPORT int jdit_channel_norm(const void* x, const void* weight, void* out, int64_t outer,
                                  int64_t channels, int64_t inner, double eps, int silu, int dtype,
                                  void* stream);

/*
 * out = softmax(scale q k^T) v with online softmax; q, out [batch, q_len, heads, head_dim] and
 * k, v [batch, k_len, heads, head_dim] with strides of batch, token and head. Causal lets query i
 * see the keys 0..i. lse, when not null, receives the natural log-sum-exp of the scaled scores,
 * float32 [batch, heads, q_len]. int8: q k^T is computed from codes of 8 bits of q and of k less
 * its mean over the keys, with a scale max|x| / 127 for each token of a head; needs an instruction
 * set with jdit_has_quantized_linear(). The CUDA library refuses: use LibTorch's flash attention.
 */
JDIT_EXPORT int jdit_attention(const void* q, const void* k, const void* v, void* out, void* lse,
                               int64_t batch, int64_t heads, int64_t q_len, int64_t k_len,
                               int64_t head_dim, int64_t q_batch_stride, int64_t q_token_stride,
                               int64_t q_head_stride, int64_t k_batch_stride,
                               int64_t k_token_stride, int64_t k_head_stride,
                               int64_t v_batch_stride, int64_t v_token_stride,
                               int64_t v_head_stride, int64_t out_batch_stride,
                               int64_t out_token_stride, int64_t out_head_stride, double scale,
                               int causal, int int8, int dtype, void* stream);

/*
 * r = round(h - h0), or h where h0 is null; residual = r where not null;
 * sums[0] = sum |prev - r|, sums[1] = sum |prev|, in double, in an order that does not depend on
 * the number of threads. exact: prev - r is rounded to dtype first, as a chain of single operators
 * does. A null prev writes only the residual and leaves sums alone.
 * sums points to JDIT_RESIDUAL_SUMS doubles; those after the second are working space.
 */
JDIT_EXPORT int jdit_residual_diff(const void* h, const void* h0, const void* prev,
                                   void* residual, void* sums, int64_t n, int exact, int dtype,
                                   void* stream);

/*
 * Backward differences of a Taylor ladder, one rounding to dtype per operation:
 *   next[0] = h - h1 (h where h1 is null); next[i+1] = (next[i] - previous[i]) / window, i < order
 * stops at the first null in previous[0..order-1]; next[i] may be previous[i].
 */
JDIT_EXPORT int jdit_taylor_update(const void* h, const void* h1, const void* const* previous,
                                   void* const* next, int64_t order, double window, int64_t n,
                                   int dtype, void* stream);

/*
 * out = base + sum_i ((1/i!) * ladder[i]) * t^i for i < terms, one rounding to dtype per operation,
 * the sum from i = 0 up and base (null: none) last.
 */
JDIT_EXPORT int jdit_taylor_eval(const void* const* ladder, int64_t terms, const void* base,
                                 void* out, double t, int64_t n, int dtype, void* stream);

/*
 * FoCa forecast from the two newest computed values a, a1 and the two newest values f, f1:
 *   g = (a - a1) + (f - f1)
 *   t <= 3: y = a + (t/2) g; else w = 3/t, z = a + 1.5 g, y = w z + (1 - w) a
 * one rounding to dtype per operation. sum, when base is not null, receives y + base.
 */
JDIT_EXPORT int jdit_foca_eval(const void* a, const void* a1, const void* f, const void* f1,
                               const void* base, void* y, void* sum, double t, int64_t n,
                               int dtype, void* stream);

/*
 * Rows of dim numbers as dim e4m3 codes and a scale behind them, for communication. The rows are an
 * index space shape[0..3]; a row lies at the sum of index * stride, in elements of x and in bytes
 * of packed, and is contiguous. shape and strides are four numbers each, in host memory.
 *   scale_dtype JDIT_FLOAT32:  scale = max(max|x| / 448, 1e-6), code = e4m3(x / scale)
 *   scale_dtype JDIT_BFLOAT16: scale = max(max|x|, 1e-4) / 448, code = e4m3(x * (1 / scale)), and
 *                              the scale is rounded after that
 * e4m3 rounds to nearest even. A row with NaN or an infinity becomes NaN.
 */
JDIT_EXPORT int jdit_fp8_pack(const void* x, void* packed, const int64_t* shape,
                              const int64_t* x_strides, const int64_t* packed_strides,
                              int64_t dim, int scale_dtype, int dtype, void* stream);

/* The inverse: x = code * scale. */
JDIT_EXPORT int jdit_fp8_unpack(const void* packed, void* x, const int64_t* shape,
                                const int64_t* packed_strides, const int64_t* x_strides,
                                int64_t dim, int scale_dtype, int dtype, void* stream);

/*
 * Merges attention over another set of keys into out and lse, in place:
 *   w = sigmoid(part_lse - lse); out = out - w (out - part); lse = lse - log(sigmoid(lse - part_lse))
 * out float32, part of dtype, both [batch, tokens, heads, head_dim]; lse, part_lse float32
 * [batch, heads, tokens]; all contiguous. An infinite lse, of either sign, means no keys: that side
 * is ignored, whatever its numbers, and lse is minus infinity where both sides have none.
 */
JDIT_EXPORT int jdit_merge_attention(void* out, void* lse, const void* part, const void* part_lse,
                                     int64_t batch, int64_t tokens, int64_t heads,
                                     int64_t head_dim, int dtype, void* stream);

/*
 * 1 where the chosen instruction set has jdit_quantized_linear: AVX2 and all better ones. The CUDA
 * library has it nowhere.
 */
JDIT_EXPORT int jdit_has_quantized_linear(void);

/*
 * Weight codes [columns, in] (JDIT_INT4_WEIGHT: [columns, in / 2] bytes, the even one in the lower
 * half) in panels of JDIT_PANEL columns, the last filled with zeros, each panel
 *   JDIT_INT8: [in / 4, JDIT_PANEL, 4], then JDIT_PANEL int32: -128 times the sum of each column
 *   else:      [in, JDIT_PANEL], JDIT_INT4_WEIGHT: [in / 2, JDIT_PANEL], JDIT_BFLOAT16_WEIGHT: of 2 bytes
 * in is a multiple of 32. The layout is the same for all instruction sets. On the CPU only.
 */
JDIT_EXPORT int jdit_pack_codes(const void* codes, void* packed, int64_t columns, int64_t in,
                                int format);

/*
 * out [rows, columns] = x [rows, in] W^T + bias, then GELU (tanh) where gelu is not 0. round() is to
 * dtype, float32 or bfloat16; codes are of jdit_pack_codes, scale is float32 [columns].
 *   JDIT_INT8: s = max(round(max|x| / 127.5), 2^-23) of each row, q = clamp(rint(x (1 / s))),
 *              y = round(round((q W) s) scale + bias)
 *   JDIT_INT8_WEIGHT:   y = round(round(round(x W) round(scale)) + bias)
 *   JDIT_FLOAT8:        s = round(max|x| / 448) of each row, 1 for 0, q = e4m3(clamp(x / s)),
 *                       y = round((q W) (s scale) + bias)
 *   JDIT_FLOAT8_WEIGHT: y = round(round(x round(W scale)) + bias)
 *   JDIT_INT4_WEIGHT:   y = round(x round(W scale + zero) + bias), scale and zero bfloat16
 *                       [in / 32, columns]
 *   JDIT_BFLOAT16_WEIGHT: y = round(x W + bias), scale null
 * A bfloat16 y below 2^-126 may become 0.
 */
JDIT_EXPORT int jdit_quantized_linear(const void* x, const void* packed, const void* scale,
                                      const void* zero, const void* bias, void* out, int64_t rows,
                                      int64_t columns, int64_t in, int format, int gelu, int dtype,
                                      void* stream);

/*
 * 1 in the CUDA library, which has jdit_quantize_rows and jdit_scale_sums: what stands around a
 * product of codes that another library computes. The CPU library has neither.
 */
JDIT_EXPORT int jdit_has_quantize_rows(void);

/*
 * Rows v as codes of one byte [rows, x_dim + y_dim] and float32 scales [rows]. A row of v is one of
 * x [rows, x_dim] and behind it one of y [rows, y_dim], which is null for none, with a y_dim of 0;
 * all contiguous. GELU (tanh, rounded to dtype) is taken of x first where gelu has the bit 1, of y
 * where it has the bit 2. round() is to dtype.
 *   JDIT_INT8:   scale = round(max|v| / 127.5), at least 2^-23 and at most the largest float32,
 *                code = clamp(rint(v (1 / scale)), -128, 127)
 *   JDIT_FLOAT8: scale = round(max|v| / 448), 1 for 0, code = e4m3(clamp(v / scale, -448, 448))
 * The scale of a row with NaN is NaN. per_tensor: max|v| is that of all rows, scales[0] the scale,
 * and the scales behind it are working space.
 */
JDIT_EXPORT int jdit_quantize_rows(const void* x, const void* y, void* codes, void* scales,
                                   int64_t rows, int64_t x_dim, int64_t y_dim, int gelu,
                                   int per_tensor, int format, int dtype, void* stream);

/*
 * out [rows, columns] = round(round(sums row_scale) column_scale + bias), then GELU (tanh) where
 * gelu is not 0: JDIT_INT8 of jdit_quantized_linear behind its sums, which are int32
 * [rows, columns]. Scales are float32 [rows] and [columns], or single ones, with the stride 0 in
 * place of 1; bias [columns] may be null.
 */
JDIT_EXPORT int jdit_scale_sums(const void* sums, const void* row_scale, const void* column_scale,
                                const void* bias, void* out, int64_t rows, int64_t columns,
                                int64_t row_scale_stride, int64_t column_scale_stride, int gelu,
                                int dtype, void* stream);

/*
 * Discards what this process writes to file descriptor 1, and stops doing so. Calls nest and count
 * over all threads.
 */
JDIT_EXPORT int jdit_mute_stdout(void);
JDIT_EXPORT int jdit_unmute_stdout(void);

/*
 * Maps what is allocated in this process from so many bytes on, at most 32 MiB (the C library's
 * limit): what is freed of it goes back to the system at once and leaves no gap in the heap.
 */
JDIT_EXPORT int jdit_map_allocations(int64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
