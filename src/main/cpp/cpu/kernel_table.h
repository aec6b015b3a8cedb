// The CPU kernels of one instruction set. Every kernel source is compiled once per instruction set
// with its own compiler flags and JDIT_ISA as namespace; dispatch.cpp picks a table at run time.
#pragma once

#include "../common/arguments.h"

namespace jdit {

struct KernelTable {
  void (*layer_norm_modulate)(const LayerNormModulate&);
  void (*rms_norm_rope)(const RmsNormRope&);
  void (*gated_residual)(const GatedResidual&);
  void (*gelu_tanh)(const GeluTanh&);
  void (*silu_mul)(const SiluMul&);
  void (*channel_norm)(const ChannelNorm&);
  bool (*attention)(const Attention&);  // false: no memory for the working space
  void (*residual_diff)(const ResidualDiff&);
  void (*taylor_update)(const TaylorUpdate&);
  void (*taylor_eval)(const TaylorEval&);
  void (*foca_eval)(const FocaEval&);
  void (*fp8_pack)(const Float8Pack&);
  void (*fp8_unpack)(const Float8Unpack&);
  void (*merge_attention)(const MergeAttention&);
  bool (*quantized_linear)(const QuantizedLinear&);  // as attention; null: not for this set
};

#define JDIT_DECLARE_ISA(isa)                            \
  namespace isa {                                        \
  void layer_norm_modulate(const LayerNormModulate&);    \
  void rms_norm_rope(const RmsNormRope&);                \
  void gated_residual(const GatedResidual&);             \
  void gelu_tanh(const GeluTanh&);                       \
  void silu_mul(const SiluMul&);                         \
  void channel_norm(const ChannelNorm&);                 \
  bool attention(const Attention&);                      \
  void residual_diff(const ResidualDiff&);               \
  void taylor_update(const TaylorUpdate&);               \
  void taylor_eval(const TaylorEval&);                   \
  void foca_eval(const FocaEval&);                       \
  void fp8_pack(const Float8Pack&);                      \
  void fp8_unpack(const Float8Unpack&);                  \
  void merge_attention(const MergeAttention&);           \
  bool quantized_linear(const QuantizedLinear&);         \
  }

JDIT_DECLARE_ISA(scalar)
JDIT_DECLARE_ISA(avx2)
JDIT_DECLARE_ISA(avxvnni)
JDIT_DECLARE_ISA(avx512)
JDIT_DECLARE_ISA(avx512vnni)
JDIT_DECLARE_ISA(avx512bf16)
JDIT_DECLARE_ISA(avx512amx)

}  // namespace jdit
