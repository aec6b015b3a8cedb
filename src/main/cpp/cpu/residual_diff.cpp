// The cache engine's residual and its distance from the previous one, in one pass over memory.
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

constexpr int64_t kMaxChunks = (JDIT_RESIDUAL_SUMS - 2) / 2;
constexpr int64_t kLeastChunk = 1 << 14;

template <class T, bool kSubtract, bool kCompare, bool kExact>
void chunk(const ResidualDiff& a, int64_t begin, int64_t end, bool streamed, double* sums) {
  auto h = static_cast<const T*>(a.h), h0 = static_cast<const T*>(a.h0),
       prev = static_cast<const T*>(a.prev);
  auto residual = static_cast<T*>(a.residual);
  DoubleSum differences, magnitudes;
  // Four vectors are added in float32 before they are widened: 2e-7 of the sum at most.
  auto group = [&](int64_t i, auto lanes, int64_t vectors) JDIT_LAMBDA_INLINE {
    Vec difference = broadcast(0), magnitude = broadcast(0);
    for (int64_t j = 0; j < vectors; j++, i += kLanes) {
      Vec r = load_ahead(h + i, lanes);
      if constexpr (kSubtract) r = rounded<T>(r - load_ahead(h0 + i, lanes));
      if (residual != nullptr) {
        if (kHasStreams && streamed) {
          stream_exact(residual + i, r, lanes);
        } else {
          store_exact(residual + i, r, lanes);
        }
      }
      if constexpr (kCompare) {
        Vec p = load_ahead(prev + i, lanes), d = p - r;
        if constexpr (kExact) d = rounded<T>(d);
        difference = difference + abs(d);
        magnitude = magnitude + abs(p);
      }
    }
    if constexpr (kCompare) {
      differences.add(difference);
      magnitudes.add(magnitude);
    }
  };
  int64_t i = begin;
  for (; i + 4 * kLanes <= end; i += 4 * kLanes) group(i, Full{}, 4);
  for (; i + kLanes <= end; i += kLanes) group(i, Full{}, 1);
  if (i < end) group(i, Tail{end - i}, 1);
  if (streamed) finish_streams();
  if constexpr (kCompare) {
    sums[0] = differences.value();
    sums[1] = magnitudes.value();
  }
}

// The borders of the chunks depend on n alone, and their sums are added in order.
template <class T, bool kSubtract, bool kCompare, bool kExact>
void chunks(const ResidualDiff& a) {
  int64_t size = (a.n + kMaxChunks - 1) / kMaxChunks;
  size = (size < kLeastChunk ? kLeastChunk : size + 63) / 64 * 64;
  int64_t count = (a.n + size - 1) / size;
  bool streamed = a.residual != nullptr && a.residual != a.h && a.residual != a.h0 &&
                  a.residual != a.prev && stream_aligned(a.residual) &&
                  a.n * static_cast<int64_t>(sizeof(T)) >= kStreamBytes;
  double* partial = a.sums + 2;
  parallel_ranges(count, 1, a.n, [&](int64_t first, int64_t last) {
    for (int64_t c = first; c < last; c++) {
      int64_t begin = c * size, end = begin + size < a.n ? begin + size : a.n;
      chunk<T, kSubtract, kCompare, kExact>(a, begin, end, streamed, partial + 2 * c);
    }
  });
  if constexpr (kCompare) {
    a.sums[0] = a.sums[1] = 0;
    for (int64_t c = 0; c < count; c++) {
      a.sums[0] += partial[2 * c];
      a.sums[1] += partial[2 * c + 1];
    }
  }
}

template <class T, bool kSubtract>
void compare(const ResidualDiff& a) {
  if (a.prev == nullptr) {
    chunks<T, kSubtract, false, false>(a);
  } else if (a.exact) {
    chunks<T, kSubtract, true, true>(a);
  } else {
    chunks<T, kSubtract, true, false>(a);
  }
}

}  // namespace

void residual_diff(const ResidualDiff& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    if (a.h0 != nullptr) {
      compare<T, true>(a);
    } else {
      compare<T, false>(a);
    }
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
