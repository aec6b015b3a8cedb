// Activations of quantized layers as codes of 8 bits with a scale for each row: a group of lanes per
// short row, a block per long one. Or with one scale for all rows, in two passes.
#include <cfloat>

#include "codes.cuh"
#include "gelu.cuh"
#include "rows.cuh"

namespace jdit {
namespace {

// Packs of a row that a lane keeps in registers, and that a thread keeps in a block.
constexpr int kLanePacks = 4, kThreadPacks = 3;

// Of blocks for long rows: 15360 elements of 16 bits, such as attention and feed-forward of FLUX.1
// have together, stay in the registers of 640 threads, 24576 in those of 1024. Two blocks of the
// first share a processor, but on Turing, which has 1024 threads in all.
constexpr int kManyThreads = 640, kMostThreads = 1024;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int kBlocksThatShare = 1;
#else
constexpr int kBlocksThatShare = 2;
#endif

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

// A row, which may stand in two tensors.
template <class T>
struct Row {
  const T *x, *y;
  int x_dim;
  bool gelu_x, gelu_y;

  __device__ Row(const QuantizeRows& a, int64_t row)
      : x(static_cast<const T*>(a.x) + row * a.x_dim),
        y(static_cast<const T*>(a.y) + row * a.y_dim),
        x_dim(static_cast<int>(a.x_dim)),
        gelu_x(a.gelu_x),
        gelu_y(a.gelu_y) {}

  // With N > 1 both lengths are multiples of N, so a pack is of one tensor.
  template <int N>
  __device__ Pack<T, N> stored(int i) const {
    return *reinterpret_cast<const Pack<T, N>*>(i < x_dim ? x + i : y + (i - x_dim));
  }

  // GELU of what is stored at i, where it is asked for.
  template <int N>
  __device__ void activate(Pack<T, N>& stored, int i) const {
    if (i < x_dim ? !gelu_x : !gelu_y) return;
    auto v = widen_all(stored);
#pragma unroll
    for (int j = 0; j < N; j++) v.at[j] = gelu<T>(v.at[j]);
    stored = narrow_all<T>(v);
  }

  template <int N>
  __device__ Values<N> values(int i) const {
    auto pack = stored<N>(i);
    activate(pack, i);
    return widen_all(pack);
  }
};

// Treats a row by a group of threads, of which this one has the elements first .. first + N and so
// on every `step`: the first PACKS of these stay in registers, the others are read again.
template <class T, int N, int PACKS, class Codes, class F>
__device__ inline void quantize_row(const QuantizeRows& a, int64_t row, int dim, int first,
                                    int step, F largest_of_group) {
  Row<T> in(a, row);
  auto codes = static_cast<uint8_t*>(a.codes) + row * dim;
  Pack<T, N> packs[PACKS];
#pragma unroll
  for (int p = 0; p < PACKS; p++) {
    int i = first + p * step;
    if (i < dim) packs[p] = in.template stored<N>(i);
  }
  uint32_t largest = 0;
#pragma unroll
  for (int p = 0; p < PACKS; p++) {
    int i = first + p * step;
    if (i < dim) {
      in.activate(packs[p], i);
      largest = largest_of(widen_all(packs[p]), largest);
    }
  }
  int rest = first + PACKS * step;
#pragma unroll 1
  for (int i = rest; i < dim; i += step) {
    largest = largest_of(in.template values<N>(i), largest);
  }
  float scale = Codes::template scale_for<T>(__uint_as_float(largest_of_group(largest)));
  Codes encoder(scale);
#pragma unroll
  for (int p = 0; p < PACKS; p++) {
    int i = first + p * step;
    if (i < dim) *reinterpret_cast<Pack<uint8_t, N>*>(codes + i) = encoder.of(widen_all(packs[p]));
  }
#pragma unroll 1
  for (int i = rest; i < dim; i += step) {
    *reinterpret_cast<Pack<uint8_t, N>*>(codes + i) = encoder.of(in.template values<N>(i));
  }
  if (first == 0 && dim > 0) a.scales[row] = scale;
}

template <class T, int N, class Codes>
__global__ void short_rows_kernel(QuantizeRows a, int lanes) {
  for_each_row(a.rows, lanes, [&](int64_t row, int lane, bool active) {
    quantize_row<T, N, kLanePacks, Codes>(
        a, row, active ? a.x_dim + a.y_dim : 0, lane * N, lanes * N, [&](uint32_t largest) {
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

template <class T, int N, int THREADS, class Codes>
__global__ void __launch_bounds__(THREADS, THREADS > kManyThreads ? 1 : kBlocksThatShare)
    long_rows_kernel(QuantizeRows a) {
  __shared__ uint32_t scratch[kMostThreads / kWarp];
  for (int64_t r = blockIdx.x; r < a.rows; r += gridDim.x) {
    quantize_row<T, N, kThreadPacks, Codes>(
        a, r, a.x_dim + a.y_dim, threadIdx.x * N, blockDim.x * N,
        [&](uint32_t largest) { return block_largest(largest, scratch); });
  }
}

// ---- one scale for all rows ----

// The largest magnitude that each block sees, in the place of the scales.
template <class T, int N>
__global__ void largest_kernel(QuantizeRows a) {
  __shared__ uint32_t scratch[kThreads / kWarp];
  uint32_t largest = 0;
  int64_t dim = a.x_dim + a.y_dim;
  int64_t step = static_cast<int64_t>(gridDim.x) * kThreads * N;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * N;
       i < a.rows * dim; i += step) {
    auto [row, column] = cell_of(i, dim);
    largest = largest_of(Row<T>(a, row).template values<N>(column), largest);
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
    auto [row, column] = cell_of(i, a.x_dim + a.y_dim);
    *reinterpret_cast<Pack<uint8_t, N>*>(static_cast<uint8_t*>(a.codes) + i) =
        encoder.of(Row<T>(a, row).template values<N>(column));
  }
};

template <class T, int N, class Codes>
void launch_tensor(const QuantizeRows& a, void* stream) {
  int64_t n = a.rows * (a.x_dim + a.y_dim), most = a.rows < kMaxBlocks ? a.rows : kMaxBlocks;
  int blocks = blocks_for(n / N);
  if (blocks > most) blocks = static_cast<int>(most);
  launch(largest_kernel<T, N>, blocks, kThreads, stream, a);
  launch(tensor_scale_kernel<T, Codes>, 1, kThreads, stream, a.scales, blocks);
  launch(elements_kernel<N, Encode<T, Codes>>, blocks_for(n / N), kThreads, stream, n,
         Encode<T, Codes>{a});
}

template <class T, int N, class Codes>
void launch_rows(const QuantizeRows& a, void* stream) {
  int64_t dim = a.x_dim + a.y_dim, packs = (dim + N - 1) / N;
  if (packs <= kWarp * kLanePacks) {
    int lanes = lanes_for(dim, N);
    launch(short_rows_kernel<T, N, Codes>, blocks_for(a.rows * lanes), kThreads, stream, a, lanes);
  } else {
    constexpr int warp_packs = kWarp * kThreadPacks;
    int64_t threads = (packs + warp_packs - 1) / warp_packs * kWarp;
    int blocks = static_cast<int>(a.rows < 65535 ? a.rows : 65535);
    if (threads <= kManyThreads) {
      launch(long_rows_kernel<T, N, kManyThreads, Codes>, blocks, static_cast<int>(threads), stream,
             a);
    } else {
      launch(long_rows_kernel<T, N, kMostThreads, Codes>, blocks,
             static_cast<int>(threads < kMostThreads ? threads : kMostThreads), stream, a);
    }
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
    bool packed = aligned(a.x, a.y, a.codes) && a.x_dim % n == 0 && a.y_dim % n == 0;
    packed ? launch_format<T, n>(a, stream) : launch_format<T, 1>(a, stream);
    return launched("jdit_quantize_rows");
  });
}

}  // namespace jdit
