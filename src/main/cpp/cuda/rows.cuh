// Rows shared out over groups of lanes, for kernels whose rows are the length of an attention head.
#pragma once

#include "device.cuh"

namespace jdit {

// Lanes of a group: the least power of two whose packs of N elements cover a row, at most a warp.
inline int lanes_for(int64_t dim, int n) {
  int lanes = 1;
  while (lanes < kWarp && lanes * n < dim) lanes *= 2;
  return lanes;
}

// Calls f(row, lane, active) in every lane of a row's group. All threads of a warp take the same
// number of turns, so f may shuffle and synchronise; inactive lanes have no row.
template <class F>
__device__ inline void for_each_row(int64_t rows, int lanes, F f) {
  int64_t groups = static_cast<int64_t>(gridDim.x) * (kThreads / lanes);
  int64_t first = static_cast<int64_t>(blockIdx.x) * (kThreads / lanes) + threadIdx.x / lanes;
  int lane = threadIdx.x % lanes;
  int64_t turns = (rows + groups - 1) / groups;
  for (int64_t turn = 0; turn < turns; turn++) {
    int64_t row = first + turn * groups;
    f(row, lane, row < rows);
  }
}

}  // namespace jdit
