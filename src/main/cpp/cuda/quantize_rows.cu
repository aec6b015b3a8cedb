// Activations of quantized layers as codes of 8 bits with a scale for each row: a group of lanes per
// short row, a block per long one. Or with one scale for all rows, in two passes.
#include <cfloat>

#include "codes.cuh"
#include "rows.cuh"

namespace jdit {
namespace {

// Packs of a row that a lane keeps in registers, and that a thread keeps in a block.
constexpr int kLanePacks = 4, kFewPacks = 3, kManyPacks = 6;

// Of blocks for long rows. 512 of them keep 24576 elements of 16 bits.
constexpr int kLeastThreads = 128, kMostThreads = 512;

// Blocks that look for the largest magnitude of all rows.
constexpr int kMaxBlocks = 1024;

// Comparisons, not fminf and fmaxf, which would lose NaN.
struct Int8Codes {
  float reciprocal;

  template <class T>
  __device__ static float scale_for(float largest) {
    float scale = rounded<T>(largest / 127.5f);
    if (scale < FLT_EPSILON) return FLT_EPSILON;
    return scale > FLT_MAX ? FLT_MAX : scale;
  }

  __device__ explicit Int8Codes(float scale) : reciprocal(1.0f / scale) {}

  template <int N>
  __device__ Pack<uint8_t, N> of(const Values<N>& v) const {
    Pack<uint8_t, N> codes;
#pragma unroll
    for (int j = 0; j < N; j++) {
      int code = __float2int_rn(v.at[j] * reciprocal);  // 0 for NaN
      codes.element[j] = static_cast<uint8_t>(max(-128, min(127, code)));
    }
    return codes;
  }
};

struct Float8Codes {
  float factor, scale, reciprocal;

  template <class T>
  __device__ static float scale_for(float largest) {
    float scale = rounded<T>(largest / 448.0f);
    return scale == 0 ? 1.0f : scale;
  }

  // quotient() takes neither a scale next to 0 nor an infinite one: both sides are multiplied, and
  // numbers over infinity are 0 or NaN.
  __device__ explicit Float8Codes(float s)
      : factor(isinf(s) ? 0.0f : s < 0x1p-90f ? 0x1p64f : 1.0f),
        scale(isinf(s) ? 1.0f : s * factor),
        reciprocal(1.0f / scale) {}

  template <int N>
  __device__ Pack<uint8_t, N> of(Values<N> v) const {
#pragma unroll
    for (int j = 0; j < N; j++) v.at[j] = quotient(v.at[j] * factor, scale, reciprocal);
    return encode<N>(v);
  }
};

// Treats a row by a group of threads, of which this one has the elements first .. first + N and so
// on every `step`: the first PACKS of these stay in registers, the others are read again.
template <class T, int N, int PACKS, class Codes, class F>
__device__ inline void quantize_row(const QuantizeRows& a, int64_t row, int64_t dim, int first,
                                    int step, F largest_of_group) {
  auto x = static_cast<const T*>(a.x) + row * dim;
  auto codes = static_cast<uint8_t*>(a.codes) + row * dim;
  Pack<T, N> packs[PACKS];
#pragma unroll
  for (int p = 0; p < PACKS; p++) {
    int i = first + p * step;
    if (i < dim) packs[p] = *reinterpret_cast<const Pack<T, N>*>(x + i);
  }
  uint32_t largest = 0;
#pragma unroll
  for (int p = 0; p < PACKS; p++) {
    if (first + p * step < dim) largest = largest_of(widen_all(packs[p]), largest);
  }
  int64_t rest = first + PACKS * step;
  for (int64_t i = rest; i < dim; i += step) largest = largest_of(load<N>(x + i), largest);
  float scale = Codes::template scale_for<T>(__uint_as_float(largest_of_group(largest)));
  Codes encoder(scale);
#pragma unroll
  for (int p = 0; p < PACKS; p++) {
    int i = first + p * step;
    if (i < dim) *reinterpret_cast<Pack<uint8_t, N>*>(codes + i) = encoder.of(widen_all(packs[p]));
  }
  for (int64_t i = rest; i < dim; i += step) {
    *reinterpret_cast<Pack<uint8_t, N>*>(codes + i) = encoder.of(load<N>(x + i));
  }
  if (first == 0 && dim > 0) a.scales[row] = scale;
}

template <class T, int N, class Codes>
__global__ void short_rows_kernel(QuantizeRows a, int lanes) {
  for_each_row(a.rows, lanes, [&](int64_t row, int lane, bool active) {
    quantize_row<T, N, kLanePacks, Codes>(
        a, row, active ? a.dim : 0, lane * N, lanes * N, [&](uint32_t largest) {
          for (int offset = lanes / 2; offset > 0; offset /= 2) {
            largest = max(largest, __shfl_xor_sync(0xffffffffu, largest, offset));
          }
          return largest;
        });
  });
}

__device__ inline uint32_t block_largest(uint32_t largest, uint32_t* scratch) {
  return block_reduce(largest, scratch, [](uint32_t a, uint32_t b) { return max(a, b); });
}

template <class T, int N, int PACKS, class Codes>
__global__ void long_rows_kernel(QuantizeRows a) {
  __shared__ uint32_t scratch[kMostThreads / kWarp];
  for (int64_t r = blockIdx.x; r < a.rows; r += gridDim.x) {
    quantize_row<T, N, PACKS, Codes>(
        a, r, a.dim, threadIdx.x * N, blockDim.x * N,
        [&](uint32_t largest) { return block_largest(largest, scratch); });
  }
}

// ---- one scale for all rows ----

// The largest magnitude that each block sees, in the place of the scales.
template <class T, int N>
__global__ void largest_kernel(QuantizeRows a) {
  __shared__ uint32_t scratch[kThreads / kWarp];
  uint32_t largest = 0;
  int64_t step = static_cast<int64_t>(gridDim.x) * kThreads * N;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * N;
       i < a.rows * a.dim; i += step) {
    largest = largest_of(load<N>(static_cast<const T*>(a.x) + i), largest);
  }
  largest = block_largest(largest, scratch);
  if (threadIdx.x == 0) a.scales[blockIdx.x] = __uint_as_float(largest);
}

template <class T, class Codes>
__global__ void tensor_scale_kernel(float* scales, int blocks) {
  __shared__ uint32_t scratch[kThreads / kWarp];
  uint32_t largest = 0;
  for (int b = threadIdx.x; b < blocks; b += kThreads) {
    largest = max(largest, __float_as_uint(scales[b]));
  }
  largest = block_largest(largest, scratch);
  if (threadIdx.x == 0) scales[0] = Codes::template scale_for<T>(__uint_as_float(largest));
}

template <class T, class Codes>
struct Encode {
  QuantizeRows a;

  template <int N>
  __device__ void at(int64_t i) const {
    Codes encoder(a.scales[0]);
    *reinterpret_cast<Pack<uint8_t, N>*>(static_cast<uint8_t*>(a.codes) + i) =
        encoder.of(load<N>(static_cast<const T*>(a.x) + i));
  }
};

template <class T, int N, class Codes>
void launch_tensor(const QuantizeRows& a, void* stream) {
  int64_t n = a.rows * a.dim, most = a.rows < kMaxBlocks ? a.rows : kMaxBlocks;
  int blocks = blocks_for(n / N);
  if (blocks > most) blocks = static_cast<int>(most);
  launch(largest_kernel<T, N>, blocks, kThreads, stream, a);
  launch(tensor_scale_kernel<T, Codes>, 1, kThreads, stream, a.scales, blocks);
  launch(elements_kernel<N, Encode<T, Codes>>, blocks_for(n / N), kThreads, stream, n,
         Encode<T, Codes>{a});
}

template <class T, int N, class Codes>
void launch_rows(const QuantizeRows& a, void* stream) {
  int64_t packs = (a.dim + N - 1) / N;
  int blocks = static_cast<int>(a.rows < 65535 ? a.rows : 65535);
  if (packs <= kWarp * kLanePacks) {
    int lanes = lanes_for(a.dim, N);
    launch(short_rows_kernel<T, N, Codes>, blocks_for(a.rows * lanes), kThreads, stream, a, lanes);
  } else if (packs <= kLeastThreads * kFewPacks) {
    launch(long_rows_kernel<T, N, kFewPacks, Codes>, blocks, kLeastThreads, stream, a);
  } else {
    int threads = kLeastThreads;
    while (threads < kMostThreads && packs > threads * kManyPacks) threads *= 2;
    launch(long_rows_kernel<T, N, kManyPacks, Codes>, blocks, threads, stream, a);
  }
}

template <class T, int N, class Codes>
void launch_all(const QuantizeRows& a, void* stream) {
  a.per_tensor ? launch_tensor<T, N, Codes>(a, stream) : launch_rows<T, N, Codes>(a, stream);
}

template <class T, int N>
void launch_format(const QuantizeRows& a, void* stream) {
  a.format == JDIT_INT8 ? launch_all<T, N, Int8Codes>(a, stream)
                        : launch_all<T, N, Float8Codes>(a, stream);
}

}  // namespace

int run(const QuantizeRows& a, void* stream) {
  return with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    constexpr int n = kPack<T>;
    bool packed = aligned(a.x, a.codes) && a.dim % n == 0;
    packed ? launch_format<T, n>(a, stream) : launch_format<T, 1>(a, stream);
    return launched("jdit_quantize_rows");
  });
}

}  // namespace jdit
