#include "emulation.h"

#include <csetjmp>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <utility>

#include "cuda_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define JDIT_ASAN 1
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulation {
namespace {

constexpr int kWarp = 32;
constexpr size_t kStack = 256 * 1024;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "emulation: %s (block %u, thread %u)\n", what, blockIdx.x, threadIdx.x);
  std::_Exit(2);
}

enum class State { kReady, kAtBlockBarrier, kAtWarpBarrier, kDone };

// A place to go on from. swapcontext asks the system for the signal mask at every turn, which
// _setjmp does not; but AddressSanitizer cannot follow jumps to another stack.
struct Place {
  ucontext_t context;
#ifndef JDIT_ASAN
  jmp_buf registers;
  bool jumped = false;
#endif
};

void change(Place& from, Place& to) {
#ifdef JDIT_ASAN
  swapcontext(&from.context, &to.context);
#else
  if (_setjmp(from.registers) != 0) return;
  from.jumped = true;
  if (to.jumped) _longjmp(to.registers, 1);
  setcontext(&to.context);
#endif
}

struct Fiber {
  Place place;
  std::unique_ptr<char[]> stack{new char[kStack]};
  State state = State::kDone;
  bool started = false;
  unsigned lanes = 0;  // of the warp barrier it waits at
  unsigned turn = 0;   // shuffles so far
  uint64_t slots[2];   // what it offers in the last two
  void* fake_stack = nullptr;
};

std::vector<std::unique_ptr<Fiber>> fibers;
Place scheduler;
const std::function<void()>* work;
int current, count;
std::mt19937 random_order{20240607};
std::vector<Launch> launches;
int most_blocks = 0;
cudaError_t last_error = cudaSuccess, next_error = cudaSuccess;
#ifdef JDIT_ASAN
void* scheduler_fake_stack;
const void* scheduler_bottom;
size_t scheduler_size;
#endif

void leave(State state, bool last) {
  Fiber& f = *fibers[current];
  f.state = state;
#ifdef JDIT_ASAN
  __sanitizer_start_switch_fiber(last ? nullptr : &f.fake_stack, scheduler_bottom, scheduler_size);
#endif
  (void)last;
  change(f.place, scheduler);
#ifdef JDIT_ASAN
  __sanitizer_finish_switch_fiber(f.fake_stack, &scheduler_bottom, &scheduler_size);
#endif
}

void body() {
#ifdef JDIT_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
#endif
  (*work)();
  leave(State::kDone, true);
  std::abort();
}

void enter(int thread) {
  Fiber& f = *fibers[thread];
  current = thread;
  threadIdx = {static_cast<unsigned>(thread), 0, 0};
  if (!f.started) {
    f.started = true;
    ucontext_t& context = f.place.context;
    getcontext(&context);
    context.uc_stack.ss_sp = f.stack.get();
    context.uc_stack.ss_size = kStack;
    context.uc_link = nullptr;
    makecontext(&context, body, 0);
#ifndef JDIT_ASAN
    f.place.jumped = false;
#endif
  }
#ifdef JDIT_ASAN
  __sanitizer_start_switch_fiber(&scheduler_fake_stack, f.stack.get(), kStack);
#endif
  change(scheduler, f.place);
#ifdef JDIT_ASAN
  __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
}

// Frees the warps whose lanes have all arrived.
bool release_warps() {
  bool released = false;
  for (int first = 0; first < count; first += kWarp) {
    unsigned waiting = 0, wanted = 0;
    for (int lane = 0; lane < kWarp && first + lane < count; lane++) {
      const Fiber& f = *fibers[first + lane];
      if (f.state != State::kAtWarpBarrier) continue;
      waiting |= 1u << lane;
      wanted |= f.lanes;
    }
    if (waiting == 0 || (wanted & ~waiting) != 0) continue;
    for (int lane = 0; lane < kWarp && first + lane < count; lane++) {
      if (waiting >> lane & 1) fibers[first + lane]->state = State::kReady;
    }
    released = true;
  }
  return released;
}

bool release_block() {
  bool any = false;
  for (int t = 0; t < count; t++) {
    if (fibers[t]->state == State::kAtWarpBarrier) return false;
    any |= fibers[t]->state == State::kAtBlockBarrier;
  }
  for (int t = 0; any && t < count; t++) {
    if (fibers[t]->state == State::kAtBlockBarrier) fibers[t]->state = State::kReady;
  }
  return any;
}

void run_block(std::vector<int>& order) {
  for (int t = 0; t < count; t++) {
    fibers[t]->state = State::kReady;
    fibers[t]->started = false;
    fibers[t]->turn = 0;
  }
  // Backwards, forwards, and at random: a missing barrier shows in one of them.
  if (blockIdx.x % 3 == 2) {
    std::shuffle(order.begin(), order.end(), random_order);
  } else {
    for (int t = 0; t < count; t++) order[t] = blockIdx.x % 3 == 0 ? count - 1 - t : t;
  }
  for (;;) {
    for (int t : order) {
      if (fibers[t]->state == State::kReady) enter(t);
    }
    if (release_warps() || release_block()) continue;
    for (int t = 0; t < count; t++) {
      if (fibers[t]->state != State::kDone) {
        threadIdx.x = t;
        die("waits for lanes that have left or wait elsewhere");
      }
    }
    return;
  }
}

}  // namespace

uint64_t shuffle_xor(unsigned lanes, uint64_t value, int mask) {
  Fiber& f = *fibers[current];
  int lane = current % kWarp;
  if ((lanes >> lane & 1) == 0) die("a shuffle by a lane that its mask leaves out");
  int slot = f.turn++ & 1;
  f.slots[slot] = value;
  f.lanes = lanes;
  leave(State::kAtWarpBarrier, false);
  int other = current - lane + (lane ^ mask);
  if ((lane ^ mask) >= kWarp || other >= count || (lanes >> (lane ^ mask) & 1) == 0) {
    die("a shuffle from a lane that its mask leaves out");
  }
  return fibers[other]->slots[slot];
}

void run(int blocks, int threads, void* stream, const std::function<void()>& kernel) {
  launches.push_back({blocks, threads, stream});
  if (next_error != cudaSuccess) {
    last_error = std::exchange(next_error, cudaSuccess);
    return;
  }
  if (blocks < 1 || threads < 1 || threads > 1024) {
    last_error = 9;
    return;
  }
  if (most_blocks > 0 && blocks > most_blocks) blocks = most_blocks;
  while (static_cast<int>(fibers.size()) < threads) fibers.push_back(std::make_unique<Fiber>());
  work = &kernel;
  count = threads;
  gridDim = {static_cast<unsigned>(blocks), 1, 1};
  blockDim = {static_cast<unsigned>(threads), 1, 1};
  std::vector<int> order(threads);
  for (int t = 0; t < threads; t++) order[t] = t;
  for (int b = 0; b < blocks; b++) {
    blockIdx = {static_cast<unsigned>(b), 0, 0};
    run_block(order);
  }
}

std::vector<Launch> take_launches() { return std::exchange(launches, {}); }

void limit_blocks(int most) { most_blocks = most; }

void fail_next_launch(int error) { next_error = error; }

}  // namespace emulation

void __syncthreads() { emulation::leave(emulation::State::kAtBlockBarrier, false); }

void __syncwarp(unsigned mask) {
  emulation::fibers[emulation::current]->lanes = mask;
  emulation::leave(emulation::State::kAtWarpBarrier, false);
}

cudaError_t cudaGetLastError() { return std::exchange(emulation::last_error, cudaSuccess); }

const char* cudaGetErrorString(cudaError_t error) {
  return error == 9 ? "invalid configuration argument" : "emulated error";
}
