// Rows of numbers as e4m3 codes and a scale: a group of lanes per row, four elements per lane.
#include <cuda_fp8.h>

#include <cstring>
#include <type_traits>

#include "rows.cuh"

namespace jdit {
namespace {

struct Offsets {
  int64_t numbers = 0, packed = 0;
};

__device__ inline Offsets offsets_of(const Float8Rows& rows, int64_t row) {
  Offsets at;
#pragma unroll
  for (int d = 3; d >= 0; d--) {
    int64_t i = row % rows.shape[d];
    row /= rows.shape[d];
    at.numbers += i * rows.strides[d];
    at.packed += i * rows.packed_strides[d];
  }
  return at;
}

// Rows of bytes are seldom aligned to more than the size of their scale, so codes and scale move in
// units of U.
template <class U, class V>
__device__ inline void store_units(uint8_t* p, const V& value) {
  U units[sizeof(V) / sizeof(U)];
  memcpy(units, &value, sizeof value);
#pragma unroll
  for (size_t j = 0; j < sizeof(V) / sizeof(U); j++) reinterpret_cast<U*>(p)[j] = units[j];
}

template <class V, class U>
__device__ inline V load_units(const uint8_t* p) {
  U units[sizeof(V) / sizeof(U)];
#pragma unroll
  for (size_t j = 0; j < sizeof(V) / sizeof(U); j++) units[j] = reinterpret_cast<const U*>(p)[j];
  V value;
  memcpy(&value, units, sizeof value);
  return value;
}

// The unit for N elements per lane: bytes where nothing is known of the alignment.
template <int N, class Scale>
using Unit = std::conditional_t<N == 1, uint8_t,
                                std::conditional_t<sizeof(Scale) == 4, uint32_t, uint16_t>>;

__device__ inline float decode(uint8_t code) {
  __half_raw half = __nv_cvt_fp8_to_halfraw(code, __NV_E4M3);
  return __half2float(__half(half));
}

// Scale is float for the format of inputs and __nv_bfloat16 for that of outputs.
template <class T, int N, class Scale>
__global__ void fp8_pack_kernel(Float8Pack a, int lanes) {
  using U = Unit<N, Scale>;
  constexpr bool kInput = sizeof(Scale) == 4;
  int64_t dim = a.rows.dim;
  for_each_row(a.rows.count, lanes, [&](int64_t row, int lane, bool active) {
    Offsets at = active ? offsets_of(a.rows, row) : Offsets{};
    auto x = static_cast<const T*>(a.x) + at.numbers;
    auto packed = static_cast<uint8_t*>(a.packed) + at.packed;
    // As integers magnitudes are in order, and NaN is above all of them.
    uint32_t largest = 0;
    if (active) {
      for (int64_t i = static_cast<int64_t>(lane) * N; i < dim; i += lanes * N) {
        auto v = load<N>(x + i);
#pragma unroll
        for (int j = 0; j < N; j++) {
          largest = max(largest, __float_as_uint(v.at[j]) & 0x7fffffffu);
        }
      }
    }
    for (int offset = lanes / 2; offset > 0; offset /= 2) {
      largest = max(largest, __shfl_xor_sync(0xffffffffu, largest, offset));
    }
    if (!active) return;
    float magnitude = largest < 0x7f800000u ? __uint_as_float(largest) : NAN;
    float scale, reciprocal = 0;
    // Not fmaxf, which would lose NaN.
    if constexpr (kInput) {
      scale = magnitude / 448.0f;
      if (scale < 1e-6f) scale = 1e-6f;
    } else {
      scale = (magnitude < 1e-4f ? 1e-4f : magnitude) / 448.0f;
      reciprocal = 1.0f / scale;
    }
    for (int64_t i = static_cast<int64_t>(lane) * N; i < dim; i += lanes * N) {
      auto v = load<N>(x + i);
      Pack<uint8_t, N> codes;
#pragma unroll
      for (int j = 0; j < N; j++) {
        float scaled = kInput ? v.at[j] / scale : v.at[j] * reciprocal;
        codes.element[j] = __nv_cvt_float_to_fp8(scaled, __NV_SATFINITE, __NV_E4M3);
      }
      store_units<U>(packed + i, codes);
    }
    if (lane == 0) store_units<U>(packed + dim, narrow<Scale>(scale));
  });
}

template <class T, int N, class Scale>
__global__ void fp8_unpack_kernel(Float8Unpack a, int lanes) {
  using U = Unit<N, Scale>;
  int64_t dim = a.rows.dim;
  for_each_row(a.rows.count, lanes, [&](int64_t row, int lane, bool active) {
    if (!active) return;
    Offsets at = offsets_of(a.rows, row);
    auto packed = static_cast<const uint8_t*>(a.packed) + at.packed;
    T* x = static_cast<T*>(a.x) + at.numbers;
    float scale = widen(load_units<Scale, U>(packed + dim));
    for (int64_t i = static_cast<int64_t>(lane) * N; i < dim; i += lanes * N) {
      auto codes = load_units<Pack<uint8_t, N>, U>(packed + i);
      Values<N> v;
#pragma unroll
      for (int j = 0; j < N; j++) v.at[j] = decode(codes.element[j]) * scale;
      store<N>(x + i, v);
    }
  });
}

// Whether every row allows loads of four elements and stores of codes in units of the scale.
bool vectorised(const Float8Rows& rows, const void* x, const void* packed, int64_t unit) {
  bool fits = aligned(x) && reinterpret_cast<uintptr_t>(packed) % unit == 0 && rows.dim % 4 == 0;
  for (int d = 0; d < 4; d++) {
    fits = fits && (rows.shape[d] == 1 ||
                    (rows.strides[d] % 4 == 0 && rows.packed_strides[d] % unit == 0));
  }
  return fits;
}

// Calls f with a constant for the elements per lane and a value of the scale's type.
template <class F>
int with_layout(const Float8Rows& rows, const void* x, const void* packed, int scale_dtype, F f) {
  constexpr std::integral_constant<int, 4> four{};
  constexpr std::integral_constant<int, 1> one{};
  if (scale_dtype == JDIT_FLOAT32) {
    return vectorised(rows, x, packed, 4) ? f(four, float{}) : f(one, float{});
  }
  return vectorised(rows, x, packed, 2) ? f(four, __nv_bfloat16{}) : f(one, __nv_bfloat16{});
}

}  // namespace

int run(const Float8Pack& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    return with_layout(a.rows, a.x, a.packed, a.scale_dtype, [&](auto n, auto scale) {
      int lanes = lanes_for(a.rows.dim, n);
      fp8_pack_kernel<decltype(type), n, decltype(scale)>
          <<<blocks_for(a.rows.count * lanes), kThreads, 0,
             static_cast<cudaStream_t>(stream)>>>(a, lanes);
      return launched("jdit_fp8_pack");
    });
  });
}

int run(const Float8Unpack& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    return with_layout(a.rows, a.x, a.packed, a.scale_dtype, [&](auto n, auto scale) {
      int lanes = lanes_for(a.rows.dim, n);
      fp8_unpack_kernel<decltype(type), n, decltype(scale)>
          <<<blocks_for(a.rows.count * lanes), kThreads, 0,
             static_cast<cudaStream_t>(stream)>>>(a, lanes);
      return launched("jdit_fp8_unpack");
    });
  });
}

}  // namespace jdit
