// Settings of the C library's heap.
#include <malloc.h>

#include <cstdint>
#include <limits>

#include "arguments.h"

extern "C" int jdit_map_allocations(int64_t bytes) {
  if (bytes <= 0 || bytes > std::numeric_limits<int>::max()) {
    return jdit::fail("%s: %lld bytes", __func__, static_cast<long long>(bytes));
  }
#ifdef M_MMAP_THRESHOLD
  // Setting either stops the C library from raising both: the other to what it would come to.
  constexpr int kKept = 64 << 20;
  if (mallopt(M_MMAP_THRESHOLD, static_cast<int>(bytes)) == 1 &&
      mallopt(M_TRIM_THRESHOLD, kKept) == 1) {
    return 0;
  }
#endif
  return jdit::fail("%s: this C library does not offer it", __func__);
}
