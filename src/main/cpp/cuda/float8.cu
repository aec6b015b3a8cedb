// Rows of numbers as e4m3 codes and a scale: a group of lanes per row, 16 bytes of numbers per lane.
#include <cstring>
#include <type_traits>

#include "codes.cuh"
#include "rows.cuh"

namespace jdit {
namespace {

// Quotients by a number that is known at the launch: a multiplication and a shift.
struct Divisor {
  uint32_t divisor, multiplier;
  int shift;

  Divisor() = default;
  explicit Divisor(int64_t d) : divisor(static_cast<uint32_t>(d)), multiplier(0), shift(0) {
    while ((1ull << shift) < divisor) shift++;
    multiplier = static_cast<uint32_t>((((1ull << shift) - divisor) << 32) / divisor + 1);
  }

  // n below 2^31.
  __device__ uint32_t quotient(uint32_t n) const { return (__umulhi(n, multiplier) + n) >> shift; }
};

// Rows side by side in the last dimension that a group of lanes treats at once, so that the way to
// the first is worked out once for all of them, and that many loads are under way.
constexpr int kRun = 4;

// The runs of a launch. The first dimension is what the others leave over.
struct Runs {
  Float8Rows rows;
  int64_t per_line, count;  // runs in the last dimension; altogether
  Divisor divisors[4];
  bool narrow;              // fewer than 2^31 runs

  explicit Runs(const Float8Rows& r)
      : rows(r), per_line((r.shape[3] + kRun - 1) / kRun),
        count(r.shape[0] * r.shape[1] * r.shape[2] * per_line), narrow(count < (1ll << 31)) {
    for (int d = 1; d < 4 && narrow; d++) divisors[d] = Divisor(size(d));
  }

  __host__ __device__ int64_t size(int d) const { return d == 3 ? per_line : rows.shape[d]; }
};

struct Run {
  int64_t numbers = 0, packed = 0;  // offsets of its first row
  int rows = 0;
};

__device__ inline Run run_of(const Runs& runs, int64_t index) {
  Run run;
#pragma unroll
  for (int d = 3; d >= 0; d--) {
    int64_t i = index;
    if (d > 0 && runs.narrow) {
      uint32_t n = static_cast<uint32_t>(index);
      uint32_t q = runs.divisors[d].quotient(n);
      i = n - q * runs.divisors[d].divisor;
      index = q;
    } else if (d > 0) {
      i = index % runs.size(d);
      index /= runs.size(d);
    }
    if (d == 3) {
      i *= kRun;
      int64_t left = runs.rows.shape[3] - i;
      run.rows = static_cast<int>(left < kRun ? left : kRun);
    }
    run.numbers += i * runs.rows.strides[d];
    run.packed += i * runs.rows.packed_strides[d];
  }
  return run;
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

// The scale as it is stored. bfloat16 is rounded with integers: ptxas 13.0 turns the conversion
// into garbage where its result is stored byte by byte.
template <class Scale>
__device__ inline auto scale_bits(float scale) {
  uint32_t bits = __float_as_uint(scale);
  if constexpr (sizeof(Scale) == 4) {
    return bits;
  } else {
    bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    return static_cast<uint16_t>(nan ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
  }
}

// Scale is float for the format of inputs and __nv_bfloat16 for that of outputs.
template <class T, int N, class Scale>
__global__ void fp8_pack_kernel(const void* numbers, void* bytes, Runs runs, int lanes) {
  using U = Unit<N, Scale>;
  constexpr bool kInput = sizeof(Scale) == 4;
  int64_t dim = runs.rows.dim, step = static_cast<int64_t>(lanes) * N;
  for_each_row(runs.count, lanes, [&](int64_t index, int lane, bool active) {
    Run run = active ? run_of(runs, index) : Run{};
    int64_t first = static_cast<int64_t>(lane) * N;
    auto x = static_cast<const T*>(numbers) + run.numbers + first;
    auto packed = static_cast<uint8_t*>(bytes) + run.packed + first;
    Pack<T, N> heads[kRun];
    uint32_t largest[kRun];
#pragma unroll
    for (int k = 0; k < kRun; k++) {
      if (k < run.rows && first < dim) {
        heads[k] = *reinterpret_cast<const Pack<T, N>*>(x + k * runs.rows.strides[3]);
      }
    }
#pragma unroll
    for (int k = 0; k < kRun; k++) {
      largest[k] = 0;
      if (k < run.rows && first < dim) {
        largest[k] = largest_of(widen_all(heads[k]), 0);
        for (int64_t i = step; first + i < dim; i += step) {
          largest[k] = largest_of(load<N>(x + k * runs.rows.strides[3] + i), largest[k]);
        }
      }
    }
    for (int offset = lanes / 2; offset > 0; offset /= 2) {
#pragma unroll
      for (int k = 0; k < kRun; k++) {
        largest[k] = max(largest[k], __shfl_xor_sync(0xffffffffu, largest[k], offset));
      }
    }
    if (first >= dim) return;
#pragma unroll
    for (int k = 0; k < kRun; k++) {
      if (k >= run.rows) return;
      float magnitude = largest[k] < 0x7f800000u ? __uint_as_float(largest[k]) : NAN;
      float scale;
      // Not fmaxf, which would lose NaN.
      if constexpr (kInput) {
        scale = quotient(magnitude, 448.0f, 1.0f / 448.0f);
        if (scale < 1e-6f) scale = 1e-6f;
      } else {
        scale = quotient(magnitude < 1e-4f ? 1e-4f : magnitude, 448.0f, 1.0f / 448.0f);
      }
      float reciprocal = 1.0f / scale;
      auto from = x + k * runs.rows.strides[3];
      auto to = packed + k * runs.rows.packed_strides[3];
      Values<N> v = widen_all(heads[k]);
      for (int64_t i = 0;;) {
#pragma unroll
        for (int j = 0; j < N; j++) {
          v.at[j] = kInput ? quotient(v.at[j], scale, reciprocal) : v.at[j] * reciprocal;
        }
        store_units<U>(to + i, encode<N>(v));
        i += step;
        if (first + i >= dim) break;
        v = load<N>(from + i);
      }
      if (lane == 0) store_units<U>(to + dim, scale_bits<Scale>(scale));
    }
  });
}

template <class T, int N, class Scale>
__global__ void fp8_unpack_kernel(const void* bytes, void* numbers, Runs runs, int lanes) {
  using U = Unit<N, Scale>;
  int64_t dim = runs.rows.dim, step = static_cast<int64_t>(lanes) * N;
  for_each_row(runs.count, lanes, [&](int64_t index, int lane, bool active) {
    if (!active) return;
    Run run = run_of(runs, index);
    int64_t first = static_cast<int64_t>(lane) * N;
    if (first >= dim) return;
    auto packed = static_cast<const uint8_t*>(bytes) + run.packed;
    T* x = static_cast<T*>(numbers) + run.numbers;
    Pack<uint8_t, N> heads[kRun];
    Scale scales[kRun];
#pragma unroll
    for (int k = 0; k < kRun; k++) {
      if (k < run.rows) {
        auto row = packed + k * runs.rows.packed_strides[3];
        heads[k] = load_units<Pack<uint8_t, N>, U>(row + first);
        scales[k] = load_units<Scale, U>(row + dim);
      }
    }
#pragma unroll
    for (int k = 0; k < kRun; k++) {
      if (k >= run.rows) return;
      float scale = widen(scales[k]);
      auto codes = heads[k];
      for (int64_t i = first;;) {
        Values<N> v;
#pragma unroll
        for (int j = 0; j < N; j++) v.at[j] = decode(codes.element[j]) * scale;
        store<N>(x + k * runs.rows.strides[3] + i, v);
        i += step;
        if (i >= dim) break;
        codes = load_units<Pack<uint8_t, N>, U>(packed + k * runs.rows.packed_strides[3] + i);
      }
    }
  });
}

// Whether every row allows packs of n numbers and codes in units of the scale.
bool vectorised(const Float8Rows& rows, const void* x, const void* packed, int n, int64_t unit) {
  bool fits = aligned(x) && reinterpret_cast<uintptr_t>(packed) % unit == 0 && rows.dim % n == 0;
  for (int d = 0; d < 4; d++) {
    fits = fits && (rows.shape[d] == 1 ||
                    (rows.strides[d] % n == 0 && rows.packed_strides[d] % unit == 0));
  }
  return fits;
}

// Calls f with a constant for the elements per lane and a value of the scale's type.
template <class T, class F>
int with_layout(const Float8Rows& rows, const void* x, const void* packed, int scale_dtype, F f) {
  constexpr std::integral_constant<int, kPack<T>> many{};
  constexpr std::integral_constant<int, 1> one{};
  if (scale_dtype == JDIT_FLOAT32) {
    return vectorised(rows, x, packed, many, 4) ? f(many, float{}) : f(one, float{});
  }
  return vectorised(rows, x, packed, many, 2) ? f(many, __nv_bfloat16{})
                                              : f(one, __nv_bfloat16{});
}

}  // namespace

int run(const Float8Pack& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    return with_layout<T>(a.rows, a.x, a.packed, a.scale_dtype, [&](auto n, auto scale) {
      int lanes = lanes_for(a.rows.dim, n);
      Runs runs(a.rows);
      launch(fp8_pack_kernel<T, n, decltype(scale)>, blocks_for(runs.count * lanes), kThreads,
             stream, a.x, a.packed, runs, lanes);
      return launched("jdit_fp8_pack");
    });
  });
}

int run(const Float8Unpack& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    return with_layout<T>(a.rows, a.x, a.packed, a.scale_dtype, [&](auto n, auto scale) {
      int lanes = lanes_for(a.rows.dim, n);
      Runs runs(a.rows);
      launch(fp8_unpack_kernel<T, n, decltype(scale)>, blocks_for(runs.count * lanes), kThreads,
             stream, a.packed, a.x, runs, lanes);
      return launched("jdit_fp8_unpack");
    });
  });
}

}  // namespace jdit
