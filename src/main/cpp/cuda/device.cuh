// Elements, aligned packs of elements and launches for the CUDA kernels. The library is compiled
// without contraction (-fmad=false): every fused multiply-add is written out.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <type_traits>

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

__device__ inline auto narrow_pair(__nv_bfloat16, float x, float y) {
  return __floats2bfloat162_rn(x, y);
}
__device__ inline auto narrow_pair(__half, float x, float y) { return __floats2half2_rn(x, y); }

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
__device__ inline Values<N> widen_all(Pack<T, N> pack) {
  Values<N> values;
#pragma unroll
  for (int j = 0; j < N; j++) values.at[j] = widen(pack.element[j]);
  return values;
}

template <int N, class T>
__device__ inline Values<N> load(const T* p) {
  return widen_all(*reinterpret_cast<const Pack<T, N>*>(p));
}

// Converted two at a time where there are two: that is one instruction.
template <class T, int N>
__device__ inline Pack<T, N> narrow_all(const Values<N>& values) {
  Pack<T, N> pack;
#pragma unroll
  for (int j = 0; j < N; j++) {
    if constexpr (std::is_same_v<T, float> || N % 2 != 0) {
      pack.element[j] = narrow<T>(values.at[j]);
    } else if (j % 2 == 0) {
      auto pair = narrow_pair(T{}, values.at[j], values.at[j + 1]);
      pack.element[j] = pair.x;
      pack.element[j + 1] = pair.y;
    }
  }
  return pack;
}

template <class T, int N>
__device__ inline void round_all(Values<N>& values) {
  if constexpr (!std::is_same_v<T, float>) values = widen_all(narrow_all<T>(values));
}

template <int N, class T>
__device__ inline void store(T* p, const Values<N>& values) {
  *reinterpret_cast<Pack<T, N>*>(p) = narrow_all<T>(values);
}

// A position in rows of `dim` elements. 32-bit division takes a third of the instructions of 64-bit
// division, which would bound the kernels that move 16 bytes per thread.
struct Cell {
  int64_t row, column;
};

__device__ inline Cell cell_of(int64_t i, int64_t dim) {
  if ((i | dim) >> 32 == 0) {
    uint32_t row = static_cast<uint32_t>(i) / static_cast<uint32_t>(dim);
    return {row, static_cast<uint32_t>(i) - row * static_cast<uint32_t>(dim)};
  }
  return {i / dim, i % dim};
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

// kernel<<<blocks, threads, 0, stream>>>(args...)
template <class... P, class... A>
void launch(void (*kernel)(P...), int blocks, int threads, void* stream, A... args) {
#ifdef __CUDACC__
  kernel<<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(args...);
#else
  emulated_launch(kernel, blocks, threads, stream, args...);
#endif
}

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
  if (packed) {
    launch(elements_kernel<kPack<T>, Op>, blocks_for(n / kPack<T> + 1), kThreads, stream, n, op);
  } else {
    launch(elements_kernel<1, Op>, blocks_for(n), kThreads, stream, n, op);
  }
  return launched(name);
}

// combine(a, b) over the block in a fixed order; every thread receives it. scratch holds one value
// per warp.
template <class V, class F>
__device__ inline V block_reduce(V value, V* scratch, F combine) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  V total = scratch[0];
  for (unsigned w = 1; w < blockDim.x / 32; w++) total = combine(total, scratch[w]);
  return total;
}

template <class V>
__device__ inline V block_sum(V value, V* scratch) {
  return block_reduce(value, scratch, [](V a, V b) { return a + b; });
}

}  // namespace jdit
