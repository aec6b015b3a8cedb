// Loops over all threads of LibTorch's OpenMP pool (torch::set_num_threads sets its size).
#pragma once

#include <omp.h>

#include "simd.h"

namespace jdit {
namespace JDIT_ISA {

// Below this many elements waking the pool costs more than it saves.
inline constexpr int64_t kSerialElements = 1 << 15;

// From this many bytes of output on, a stored line would only displace others from the caches.
inline constexpr int64_t kStreamBytes = 4 << 20;

// Distance that load_ahead() reads ahead of its stream.
inline constexpr int64_t kPrefetchBytes = 1024;

// Calls f(begin, end) with consecutive ranges that cover 0..count and whose inner borders are
// multiples of `alignment`; in the calling thread alone when there is little work.
template <class F>
JDIT_INLINE void parallel_ranges(int64_t count, int64_t alignment, int64_t elements, F f) {
  if (elements <= kSerialElements || omp_get_max_threads() == 1 || omp_in_parallel()) {
    f(int64_t{0}, count);
    return;
  }
#pragma omp parallel
  {
    int64_t threads = omp_get_num_threads(), blocks = (count + alignment - 1) / alignment;
    int64_t thread = omp_get_thread_num();
    int64_t begin = blocks * thread / threads * alignment;
    int64_t end = blocks * (thread + 1) / threads * alignment;
    if (end > count) end = count;
    if (begin < end) f(begin, end);
  }
}

// load() that asks for a later line of the same stream: the hardware prefetchers stop at the end
// of every page, and these kernels read many streams at once.
template <class T, class Lanes>
JDIT_INLINE Vec load_ahead(const T* p, Lanes lanes) {
  __builtin_prefetch(reinterpret_cast<const char*>(p) + kPrefetchBytes);
  return load(p, lanes);
}

JDIT_INLINE bool stream_aligned(const void* p) {
  return reinterpret_cast<uintptr_t>(p) % 64 == 0;
}

// Element-wise kernels over flat arrays: f(i, lanes, put), where put(pointer, vector, lanes) is
// store_exact or stream_exact: the vector has been rounded to the element type.
template <class F>
JDIT_INLINE void parallel_elements(int64_t n, bool streamed, F f) {
  // 64 elements are a whole number of cache lines for every element size.
  parallel_ranges(n, 64, n, [&](int64_t begin, int64_t end) {
    if (kHasStreams && streamed) {
      auto put = [](auto* p, Vec x, auto lanes) JDIT_LAMBDA_INLINE { stream_exact(p, x, lanes); };
      for_each_vector(end - begin, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
        f(begin + i, lanes, put);
      });
      finish_streams();
    } else {
      auto put = [](auto* p, Vec x, auto lanes) JDIT_LAMBDA_INLINE { store_exact(p, x, lanes); };
      for_each_vector(end - begin, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
        f(begin + i, lanes, put);
      });
    }
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
