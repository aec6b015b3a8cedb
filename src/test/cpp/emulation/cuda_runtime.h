// What the kernels use of CUDA, for a C++ compiler: the threads of a block are fibers of one thread,
// which run in another order in every block and change at barriers and warp functions only.
// Test code: the product never includes it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
// One block runs at a time.
#define __shared__ static
#define __launch_bounds__(...)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
using cudaStream_t = void*;
using cudaError_t = int;
inline constexpr cudaError_t cudaSuccess = 0;

// As the runtime does: the error of the last launch, once.
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);

// Of the fiber that runs.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads();
void __syncwarp(unsigned mask = 0xffffffffu);

namespace emulation {

// Bits of `value` of lane (own ^ mask); every lane named in `lanes` must call it.
uint64_t shuffle_xor(unsigned lanes, uint64_t value, int mask);

// Runs a grid; aborts with a message on what hangs or is undefined on a card.
void run(int blocks, int threads, void* stream, const std::function<void()>& kernel);

}  // namespace emulation

template <class V>
V __shfl_xor_sync(unsigned lanes, V value, int mask) {
  static_assert(sizeof(V) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = emulation::shuffle_xor(lanes, bits, mask);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class... P, class... A>
void emulated_launch(void (*kernel)(P...), int blocks, int threads, void* stream, A... args) {
  emulation::run(blocks, threads, stream, [=] { kernel(args...); });
}

inline unsigned __float_as_uint(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}
inline float __fdiv_rn(float a, float b) { return a / b; }
// The card's is off by up to two units in the last place, and 0 for the largest divisors.
inline float __fdividef(float a, float b) { return a * (1.0f / b); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
// To the nearest, the even one of two; saturates, and NaN becomes 0.
inline int __float2int_rn(float x) {
  if (std::isnan(x)) return 0;
  if (std::fabs(x) >= 0x1p31f) return x < 0 ? INT32_MIN : INT32_MAX;
  return static_cast<int>(std::nearbyint(x));
}
template <class V>
V max(V a, V b) {
  return a < b ? b : a;
}
template <class V>
V min(V a, V b) {
  return b < a ? b : a;
}
using std::isinf;
