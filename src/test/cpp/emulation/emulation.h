// What tests ask of the emulation beyond CUDA's functions.
#pragma once

#include <vector>

namespace emulation {

struct Launch {
  int blocks, threads;
  void* stream;
};

// Launches since the last call.
std::vector<Launch> take_launches();

// No grid has more blocks from now on; 0 takes the limit away. Kernels have to stride over the rest.
void limit_blocks(int most);

// The next launch does not run and leaves this error.
void fail_next_launch(int error);

}  // namespace emulation
