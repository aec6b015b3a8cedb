// Rows of numbers as e4m3 codes and a scale: quantised, permuted and packed in one pass.
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

// Offsets of the rows of an index space, in order.
class RowCursor {
 public:
  RowCursor(const Float8Rows& rows, int64_t row) : rows_(rows) {
    for (int d = 3; d >= 0; d--) {
      index_[d] = row % rows.shape[d];
      row /= rows.shape[d];
      numbers += index_[d] * rows.strides[d];
      packed += index_[d] * rows.packed_strides[d];
    }
  }

  void next() {
    for (int d = 3; d >= 0; d--) {
      numbers += rows_.strides[d];
      packed += rows_.packed_strides[d];
      if (++index_[d] < rows_.shape[d]) return;
      index_[d] = 0;
      numbers -= rows_.shape[d] * rows_.strides[d];
      packed -= rows_.shape[d] * rows_.packed_strides[d];
    }
  }

  int64_t numbers = 0, packed = 0;

 private:
  const Float8Rows& rows_;
  int64_t index_[4];
};

template <class F>
JDIT_INLINE void for_each_row(const Float8Rows& rows, F f) {
  parallel_ranges(rows.count, 1, rows.count * rows.dim, [&](int64_t begin, int64_t end) {
    RowCursor cursor(rows, begin);
    for (int64_t r = begin; r < end; r++, cursor.next()) f(cursor.numbers, cursor.packed);
  });
}

// Codes of f(x[i]), or of NaN for a row that has no scale.
template <class T, class F>
JDIT_INLINE void encode(const T* x, uint8_t* packed, int64_t dim, float scale, F f) {
  if (scale != scale) {
    std::memset(packed, 0x7f, static_cast<size_t>(dim));
    return;
  }
  auto codes = reinterpret_cast<e4m3*>(packed);
  for_each_vector(dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
    store(codes + i, f(load(x + i, lanes)), lanes);
  });
}

template <class T>
JDIT_INLINE void pack_input(const T* x, uint8_t* packed, int64_t dim) {
  float scale = magnitude(x, dim) / 448.0f;
  if (scale < 1e-6f) scale = 1e-6f;
  encode(x, packed, dim, scale, [&](Vec v) JDIT_LAMBDA_INLINE { return v / broadcast(scale); });
  std::memcpy(packed + dim, &scale, sizeof scale);
}

template <class T>
JDIT_INLINE void pack_output(const T* x, uint8_t* packed, int64_t dim) {
  float largest = magnitude(x, dim);
  if (largest < 1e-4f) largest = 1e-4f;
  float scale = largest / 448.0f;
  Vec reciprocal = broadcast(1.0f / scale);
  encode(x, packed, dim, scale, [&](Vec v) JDIT_LAMBDA_INLINE { return v * reciprocal; });
  bf16 stored;
  store(&stored, broadcast(scale), Tail{1});
  std::memcpy(packed + dim, &stored, sizeof stored);
}

template <class T>
JDIT_INLINE void unpack(const uint8_t* packed, T* x, int64_t dim, Vec scale) {
  auto codes = reinterpret_cast<const e4m3*>(packed);
  for_each_vector(dim, [&](int64_t i, auto lanes) JDIT_LAMBDA_INLINE {
    store(x + i, load(codes + i, lanes) * scale, lanes);
  });
}

template <class Scale>
JDIT_INLINE Vec scale_behind(const uint8_t* packed, int64_t dim) {
  Scale stored;
  std::memcpy(&stored, packed + dim, sizeof stored);
  return broadcast(first_lane(load(&stored, Tail{1})));
}

}  // namespace

void fp8_pack(const Float8Pack& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    auto x = static_cast<const T*>(a.x);
    auto packed = static_cast<uint8_t*>(a.packed);
    bool input = a.scale_dtype == JDIT_FLOAT32;
    for_each_row(a.rows, [&](int64_t from, int64_t to) {
      if (input) {
        pack_input(x + from, packed + to, a.rows.dim);
      } else {
        pack_output(x + from, packed + to, a.rows.dim);
      }
    });
  });
}

void fp8_unpack(const Float8Unpack& a) {
  with_dtype(a.dtype, [&](auto type) {
    using T = decltype(type);
    auto packed = static_cast<const uint8_t*>(a.packed);
    auto x = static_cast<T*>(a.x);
    bool input = a.scale_dtype == JDIT_FLOAT32;
    int64_t dim = a.rows.dim;
    for_each_row(a.rows, [&](int64_t to, int64_t from) {
      const uint8_t* row = packed + from;
      Vec scale = input ? scale_behind<float>(row, dim) : scale_behind<bf16>(row, dim);
      unpack(row, x + to, dim, scale);
    });
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
