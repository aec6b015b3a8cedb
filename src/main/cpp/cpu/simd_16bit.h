// Loads and stores of 16-bit elements and the last vector of a row, for the x86 vector headers.
#pragma once

namespace jdit {
namespace JDIT_ISA {

template <class T, class Lanes>
JDIT_INLINE Vec load(const T* p, Lanes lanes) {
  return from_16bit(load_16bit(p, lanes), T{});
}
template <class T, class Lanes>
JDIT_INLINE void store(T* p, Vec x, Lanes lanes) {
  store_16bit(p, to_16bit(x, T{}), lanes);
}

// Stores past the caches; p is aligned to the size of the vector. Ends with finish_streams().
template <class T>
JDIT_INLINE void stream(T* p, Vec x, Full) {
  stream_16bit(p, to_16bit(x, T{}));
}
template <class T>
JDIT_INLINE void stream(T* p, Vec x, Tail t) {
  store(p, x, t);
}
JDIT_INLINE void finish_streams() { _mm_sfence(); }

}  // namespace JDIT_ISA
}  // namespace jdit
