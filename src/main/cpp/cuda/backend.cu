// What the CUDA library says of itself and what it leaves to LibTorch.
#include <cstring>

#include "device.cuh"

namespace jdit {

int run(const Attention&, void*) {
  return fail(
      "jdit_attention: not supported on CUDA; use LibTorch's scaled_dot_product_attention, which "
      "runs flash attention there");
}

int run(const QuantizedLinear&, void*) {
  return fail("jdit_quantized_linear: not supported on CUDA, see jdit_has_quantized_linear");
}

bool has_quantized_linear() { return false; }

bool has_quantize_rows() { return true; }

int select_isa(const char* isa) {
  return std::strcmp(isa, "auto") == 0
             ? 0
             : fail("the CUDA library has no instruction set '%s'; expected auto", isa);
}

const char* build_info() {
  return "cuda, compiler nvcc " JDIT_NVCC_VERSION ", built for " JDIT_CUDA_ARCHITECTURES;
}

}  // namespace jdit
