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

// store() for values that are elements of type T already: no rounding is needed.
template <class T, class Lanes>
JDIT_INLINE void store_exact(T* p, Vec x, Lanes lanes) {
  store_16bit(p, exact_to_16bit(x, T{}), lanes);
}
template <class Lanes>
JDIT_INLINE void store_exact(float* p, Vec x, Lanes lanes) {
  store(p, x, lanes);
}

// store_exact() past the caches; p is aligned to the size of the vector. Ends with
// finish_streams().
template <class T>
JDIT_INLINE void stream_exact(T* p, Vec x, Full) {
  stream_16bit(p, exact_to_16bit(x, T{}));
}
JDIT_INLINE void stream_exact(float* p, Vec x, Full) { stream_32bit(p, x); }
template <class T>
JDIT_INLINE void stream_exact(T* p, Vec x, Tail t) {
  store_exact(p, x, t);
}
JDIT_INLINE void finish_streams() { _mm_sfence(); }

}  // namespace JDIT_ISA
}  // namespace jdit
