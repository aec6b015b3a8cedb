// Chooses the instruction set of the CPU kernels and forwards checked calls to it.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernel_table.h"

namespace jdit {
namespace {

#define JDIT_TABLE(isa, quantized_linear)                                                     \
  {isa::layer_norm_modulate, isa::rms_norm_rope,   isa::gated_residual, isa::gelu_tanh,       \
   isa::silu_mul,            isa::channel_norm,    isa::attention,      isa::residual_diff,   \
   isa::taylor_update,       isa::taylor_eval,     isa::foca_eval,      isa::fp8_pack,        \
   isa::fp8_unpack,          isa::merge_attention, quantized_linear}

constexpr KernelTable kScalar = JDIT_TABLE(scalar, nullptr);
#if defined(__x86_64__)
constexpr KernelTable kAvx2 = JDIT_TABLE(avx2, avx2::quantized_linear);
constexpr KernelTable kAvx512 = JDIT_TABLE(avx512, avx512::quantized_linear);

// Dot products of int8 and of bfloat16 pay in attention and in linear layers only: the other
// kernels are bound by memory.
constexpr KernelTable with_products(KernelTable table, bool (*attention)(const Attention&),
                                    bool (*quantized_linear)(const QuantizedLinear&)) {
  table.attention = attention;
  table.quantized_linear = quantized_linear;
  return table;
}
constexpr KernelTable kAvxVnni =
    with_products(kAvx2, avxvnni::attention, avxvnni::quantized_linear);
constexpr KernelTable kAvx512Vnni =
    with_products(kAvx512, avx512vnni::attention, avx512vnni::quantized_linear);
constexpr KernelTable kAvx512Bf16 =
    with_products(kAvx512, avx512bf16::attention, avx512bf16::quantized_linear);
constexpr KernelTable kAvx512Amx =
    with_products(kAvx512, avx512amx::attention, avx512amx::quantized_linear);

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_avx512bf16() {
  return has_avx512() && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512bf16");
}

// One layer in int8 by both sets, whose sums are exact.
bool amx_multiplies() {
  constexpr int64_t kRows = 32, kIn = 64;
  float x[kRows * kIn], scale[JDIT_PANEL], out[2][kRows * JDIT_PANEL] = {};
  int8_t codes[JDIT_PANEL * (kIn + 4)];
  for (int64_t i = 0; i < kRows * kIn; i++) x[i] = static_cast<float>(i * 37 % 101 - 50);
  for (float& s : scale) s = 1;
  for (int64_t i = 0; i < JDIT_PANEL * kIn; i++) codes[i] = static_cast<int8_t>(i * 29 % 255 - 127);
  std::memset(codes + JDIT_PANEL * kIn, 0, 4 * JDIT_PANEL);
  QuantizedLinear layer{x,   codes,      scale, nullptr,   nullptr,     out[0], kRows,
                        kIn, JDIT_PANEL, false, JDIT_INT8, JDIT_FLOAT32};
  if (!avx512bf16::quantized_linear(layer)) return false;
  layer.out = out[1];
  return avx512amx::quantized_linear(layer) && std::memcmp(out[0], out[1], sizeof out[0]) == 0;
}

// Also whether this process may use the tiles, which Linux has to be asked for (Documentation/arch/
// x86/xstate.rst), and whether they multiply: a hypervisor may show what it does not give.
bool has_amx() {
  if (!has_avx512bf16() || !__builtin_cpu_supports("amx-tile") ||
      !__builtin_cpu_supports("amx-int8") || !__builtin_cpu_supports("amx-bf16")) {
    return false;
  }
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0 && amx_multiplies();
}
#endif

struct Isa {
  const char* name;
  const KernelTable* kernels;
  bool (*supported)();
};

// Worst first. __builtin_cpu_supports also asks the operating system (XCR0).
constexpr Isa kIsas[] = {
    {"scalar", &kScalar, [] { return true; }},
#if defined(__x86_64__)
    {"avx2", &kAvx2, has_avx2},
    {"avxvnni", &kAvxVnni, [] { return has_avx2() && __builtin_cpu_supports("avxvnni"); }},
    {"avx512", &kAvx512, has_avx512},
    {"avx512vnni", &kAvx512Vnni,
     [] { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }},
    {"avx512bf16", &kAvx512Bf16, has_avx512bf16},
    {"avx512amx", &kAvx512Amx, has_amx},
#endif
};

const Isa* best() {
  const Isa* chosen = kIsas;
  for (const Isa& isa : kIsas) {
    if (isa.supported()) chosen = &isa;
  }
  return chosen;
}

const Isa* find(const char* name) {
  if (std::strcmp(name, "auto") == 0) return best();
  for (const Isa& isa : kIsas) {
    if (std::strcmp(name, isa.name) == 0) return isa.supported() ? &isa : nullptr;
  }
  return nullptr;
}

// All names, separated by spaces.
const char* isas() {
  static thread_local char text[128];
  int used = 0;
  for (const Isa& isa : kIsas) {
    used += std::snprintf(text + used, sizeof text - used, used == 0 ? "%s" : " %s", isa.name);
  }
  return text;
}

const Isa* initial() {
  const char* forced = std::getenv("JDIT_CPU_ISA");
  if (forced == nullptr || *forced == '\0') return best();
  const Isa* isa = find(forced);
  if (isa != nullptr) return isa;
  isa = best();
  std::fprintf(stderr,
               "JDIT_CPU_ISA=%s: not known or not supported by this processor; using %s "
               "(known: auto %s)\n",
               forced, isa->name, isas());
  return isa;
}

std::atomic<const Isa*>& current() {
  static std::atomic<const Isa*> isa{initial()};
  return isa;
}

template <class Args>
int forward(void (*KernelTable::*kernel)(const Args&), const Args& args) {
  (current().load(std::memory_order_relaxed)->kernels->*kernel)(args);
  return 0;
}

}  // namespace

int run(const LayerNormModulate& a, void*) { return forward(&KernelTable::layer_norm_modulate, a); }
int run(const RmsNormRope& a, void*) { return forward(&KernelTable::rms_norm_rope, a); }
int run(const GatedResidual& a, void*) { return forward(&KernelTable::gated_residual, a); }
int run(const GeluTanh& a, void*) { return forward(&KernelTable::gelu_tanh, a); }
int run(const SiluMul& a, void*) { return forward(&KernelTable::silu_mul, a); }
int run(const ChannelNorm& a, void*) { return forward(&KernelTable::channel_norm, a); }
int run(const Attention& a, void*) {
  auto kernels = current().load()->kernels;
  if (a.int8 && kernels->quantized_linear == nullptr) {
    return fail("jdit_attention: no int8 for this instruction set, see jdit_has_quantized_linear");
  }
  return kernels->attention(a) ? 0 : fail("jdit_attention: out of memory");
}
int run(const QuantizedLinear& a, void*) {
  auto kernel = current().load()->kernels->quantized_linear;
  if (kernel == nullptr) {
    return fail(
        "jdit_quantized_linear: not for this instruction set, see jdit_has_quantized_linear");
  }
  return kernel(a) ? 0 : fail("jdit_quantized_linear: out of memory");
}
int run(const QuantizeRows&, void*) {
  return fail("jdit_quantize_rows: not supported on the CPU, see jdit_has_quantize_rows");
}
int run(const ScaleSums&, void*) {
  return fail("jdit_scale_sums: not supported on the CPU, see jdit_has_quantize_rows");
}
bool has_quantize_rows() { return false; }
bool has_quantized_linear() { return current().load()->kernels->quantized_linear != nullptr; }
int run(const ResidualDiff& a, void*) { return forward(&KernelTable::residual_diff, a); }
int run(const TaylorUpdate& a, void*) { return forward(&KernelTable::taylor_update, a); }
int run(const TaylorEval& a, void*) { return forward(&KernelTable::taylor_eval, a); }
int run(const FocaEval& a, void*) { return forward(&KernelTable::foca_eval, a); }
int run(const Float8Pack& a, void*) { return forward(&KernelTable::fp8_pack, a); }
int run(const Float8Unpack& a, void*) { return forward(&KernelTable::fp8_unpack, a); }
int run(const MergeAttention& a, void*) { return forward(&KernelTable::merge_attention, a); }

int select_isa(const char* name) {
  const Isa* isa = find(name);
  if (isa == nullptr) {
    return fail(
        "instruction set '%s' is not known or not supported by this processor; expected auto or "
        "one of %s",
        name, isas());
  }
  current().store(isa);
  return 0;
}

const char* build_info() {
  static thread_local char text[256];
  std::snprintf(text, sizeof text, "cpu, compiler %s, built for %s, using %s", JDIT_COMPILER,
                isas(), current().load()->name);
  return text;
}

}  // namespace jdit
