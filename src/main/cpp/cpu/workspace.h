// Memory that a thread keeps from one call to the next.
#pragma once

#include <cstdlib>

#include "simd.h"

namespace jdit {
namespace JDIT_ISA {

constexpr JDIT_INLINE int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// One thread's buffers, kept for its next call.
class Workspace {
 public:
  ~Workspace() { std::free(memory_); }

  bool reserve(int64_t words) {
    if (words > words_) {
      std::free(memory_);
      words_ = round_up(words, 1024);
      memory_ = static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(words_) * 4));
      if (memory_ == nullptr) words_ = 0;
    }
    next_ = memory_;
    return memory_ != nullptr;
  }

  template <class Word>
  Word* take(int64_t words) {
    float* taken = next_;
    next_ += round_up(words, 16);
    return reinterpret_cast<Word*>(taken);
  }

 private:
  float *memory_ = nullptr, *next_ = nullptr;
  int64_t words_ = 0;
};

}  // namespace JDIT_ISA
}  // namespace jdit
