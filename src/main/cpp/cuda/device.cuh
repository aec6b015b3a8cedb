// Elements, aligned packs of elements and launches for the CUDA kernels. The library is compiled
// without contraction (-fmad=false): every fused multiply-add is written out.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "../common/arguments.h"

namespace jdit {

__device__ inline float widen(float x) { return x; }
__device__ inline float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ inline float widen(__half x) { return __half2float(x); }

template <class T>
__device__ inline T narrow(float x);
template <>
__device__ inline float narrow<float>(float x) {
  return x;
}
template <>
__device__ inline __nv_bfloat16 narrow<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ inline __half narrow<__half>(float x) {
  return __float2half_rn(x);
}

// x rounded to T and widened again.
template <class T>
__device__ inline float rounded(float x) {
  return widen(narrow<T>(x));
}

// N neighbouring elements, read and written in one transaction; 16 bytes for N = kPack<T>.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T element[N];
};

template <class T>
inline constexpr int kPack = 16 / static_cast<int>(sizeof(T));

template <int N>
struct Values {
  float at[N];
};

template <int N, class T>
__device__ inline Values<N> load(const T* p) {
  auto pack = *reinterpret_cast<const Pack<T, N>*>(p);
  Values<N> values;
#pragma unroll
  for (int j = 0; j < N; j++) values.at[j] = widen(pack.element[j]);
  return values;
}

template <int N, class T>
__device__ inline void store(T* p, const Values<N>& values) {
  Pack<T, N> pack;
#pragma unroll
  for (int j = 0; j < N; j++) pack.element[j] = narrow<T>(values.at[j]);
  *reinterpret_cast<Pack<T, N>*>(p) = pack;
}

template <class F>
int with_dtype(int dtype, F f) {
  switch (dtype) {
    case JDIT_FLOAT32: return f(float{});
    case JDIT_BFLOAT16: return f(__nv_bfloat16{});
    default: return f(__half{});
  }
}

// Whether all pointers (null ones count) can be read in packs of 16 bytes.
template <class... P>
bool aligned(P... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// 0, or fail() with the error of the launch that came before.
inline int launched(const char* op) {
  cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? 0 : fail("%s: %s", op, cudaGetErrorString(error));
}

inline constexpr int kThreads = 256;
inline constexpr int kWarp = 32;

// More blocks than any card runs at once; the kernels stride over the rest.
inline int blocks_for(int64_t threads) {
  int64_t blocks = (threads + kThreads - 1) / kThreads;
  return static_cast<int>(blocks < 65535 ? blocks : 65535);
}

template <int N, class Op>
__global__ void elements_kernel(int64_t n, Op op) {
  int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * N;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N; i < n;
       i += step) {
    if (i + N <= n) {
      op.template at<N>(i);
    } else {
      for (; i < n; i++) op.template at<1>(i);
    }
  }
}

// Runs op.at<N>(i), which treats the elements i .. i + N, over 0..n.
template <class T, class Op>
int launch_elements(const char* name, int64_t n, bool packed, Op op, void* stream) {
  auto s = static_cast<cudaStream_t>(stream);
  if (packed) {
    elements_kernel<kPack<T>><<<blocks_for(n / kPack<T> + 1), kThreads, 0, s>>>(n, op);
  } else {
    elements_kernel<1><<<blocks_for(n), kThreads, 0, s>>>(n, op);
  }
  return launched(name);
}

// Sum over the block in a fixed order; every thread receives it. scratch holds one value per warp.
template <class V>
__device__ inline V block_sum(V value, V* scratch) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  V total = 0;
  for (unsigned w = 0; w < blockDim.x / 32; w++) total += scratch[w];
  return total;
}

}  // namespace jdit
