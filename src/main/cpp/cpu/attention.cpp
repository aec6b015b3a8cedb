// Attention with online softmax (Milakov and Gimelshein 2018), tiled as in FlashAttention (Dao et
// al. 2022): a task is a block of queries of one head, which runs over blocks of keys and keeps the
// running maximum, the running sum and the unnormalised output of each query.
#include <cmath>
#include <cstdlib>

#include "attention_packing.h"
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

// Queries of one task and keys of one block, so that a task's working set stays in a 1 MiB second
// level cache; queries whose scores are alive at a time, so that these stay in the first level.
struct Blocking {
  int64_t queries, keys;
  static constexpr int64_t kStrip = 4 * kTileRows;

  explicit Blocking(const Attention& a) {
    queries = clamp(32768 / a.head_dim, 32, 256);
    keys = round_up(clamp(16384 / a.head_dim, 32, 128), kPanel);
    int64_t tasks_wanted = 4 * omp_get_max_threads();
    while (queries > 32 &&
           a.batch * a.heads * ((a.q_len + queries - 1) / queries) < tasks_wanted) {
      queries /= 2;
    }
    if (queries > a.q_len) queries = a.q_len;
    if (keys > round_up(a.k_len, kPanel)) keys = round_up(a.k_len, kPanel);
  }

  static int64_t clamp(int64_t n, int64_t low, int64_t high) {
    return n < low ? low : n > high ? high : n;
  }
};

template <class Layout>
class Task {
 public:
  using T = typename Layout::Element;
  using Unit = typename Layout::Unit;
  using Step = typename Layout::Step;

  Task(const Attention& a, const Blocking& blocking)
      : a_(a), blocking_(blocking), depth_(Layout::units(a.head_dim)),
        out_columns_(round_up(a.head_dim, kLanes)) {}

  bool reserve(Workspace& w) {
    int64_t q = blocking_.queries, k = blocking_.keys, panels = round_up(a_.head_dim, kPanel);
    int64_t sizes[] = {q * depth_, k * depth_, depth_ * k, Layout::units(k) * panels,
                       Blocking::kStrip * k, q * out_columns_, q, q, Blocking::kStrip};
    int64_t words = 0;
    for (int64_t size : sizes) words += round_up(size, 16);
    if (!w.reserve(words)) return false;
    q_ = w.take<Unit>(sizes[0]);
    k_rows_ = w.take<Unit>(sizes[1]);
    k_ = w.take<Unit>(sizes[2]);
    v_ = w.take<Unit>(sizes[3]);
    scores_ = w.take<float>(sizes[4]);
    out_ = w.take<float>(sizes[5]);
    maxima_ = w.take<float>(sizes[6]);
    sums_ = w.take<float>(sizes[7]);
    rescale_ = w.take<float>(sizes[8]);
    return true;
  }

  void run(int64_t b, int64_t h, int64_t first, int64_t queries) {
    const T* q = at(a_.q, a_.q_stride, b, h) + first * a_.q_stride.token;
    Layout::pack_rows(q, a_.q_stride.token, queries, a_.head_dim, q_);
    for (int64_t i = 0; i < queries * out_columns_; i++) out_[i] = 0;
    for (int64_t i = 0; i < queries; i++) {
      maxima_[i] = -INFINITY;
      sums_[i] = 0;
    }
    int64_t end = a_.k_len;
    if (a_.causal && first + queries < end) end = first + queries;
    for (int64_t k0 = 0; k0 < end; k0 += blocking_.keys) {
      int64_t keys = end - k0 < blocking_.keys ? end - k0 : blocking_.keys;
      pack_keys(b, h, k0, keys);
      for (int64_t r = 0; r < queries; r += Blocking::kStrip) {
        int64_t rows = queries - r < Blocking::kStrip ? queries - r : Blocking::kStrip;
        // The number of keys that the strip's first query sees, when causal.
        int64_t visible = a_.causal ? first + r + 1 - k0 : a_.k_len;
        if (visible + rows > 1) strip(r, rows, keys, visible);
      }
    }
    write(b, h, first, queries);
  }

 private:
  template <class P>
  static const T* at(P base, const Strides& s, int64_t b, int64_t h) {
    return static_cast<const T*>(base) + b * s.batch + h * s.head;
  }

  void pack_keys(int64_t b, int64_t h, int64_t k0, int64_t keys) {
    const T* k = at(a_.k, a_.k_stride, b, h) + k0 * a_.k_stride.token;
    const T* v = at(a_.v, a_.v_stride, b, h) + k0 * a_.v_stride.token;
    Layout::pack_rows(k, a_.k_stride.token, keys, a_.head_dim, k_rows_);
    pack_transposed(reinterpret_cast<const uint32_t*>(k_rows_), depth_, keys, depth_,
                    reinterpret_cast<uint32_t*>(k_));
    Layout::pack_v(v, a_.v_stride.token, keys, a_.head_dim, v_);
  }

  void strip(int64_t r, int64_t rows, int64_t keys, int64_t visible) {
    constexpr float kLog2E = 1.44269504f;
    multiply<Step>(q_ + r * depth_, depth_, k_, depth_, scores_, blocking_.keys, rows, keys,
                   a_.scale * kLog2E, nullptr);
    for (int64_t i = 0; i < rows; i++) {
      int64_t seen = visible + (a_.causal ? i : 0);
      softmax(scores_ + i * blocking_.keys, keys, seen < keys ? seen : keys, r + i, rescale_ + i);
    }
    multiply<Step>(reinterpret_cast<const Unit*>(scores_), blocking_.keys, v_,
                   Layout::units(keys), out_ + r * out_columns_, out_columns_, rows, a_.head_dim,
                   1.0f, rescale_);
  }

  // Scores (times log2 e) of one query to probabilities relative to its running maximum.
  void softmax(float* scores, int64_t keys, int64_t seen, int64_t query, float* rescale) {
    Vec top = broadcast(maxima_[query]);
    int64_t i = 0;
    for (; i + kLanes <= seen; i += kLanes) top = max(load(scores + i, Full{}), top);
    float largest = maximum(top);
    for (; i < seen; i++) largest = scores[i] > largest ? scores[i] : largest;
    Vec maxima = broadcast(largest), total = broadcast(0);
    if (seen < 0) seen = 0;
    for_each_vector(seen, [&](int64_t j, auto lanes) {
      Vec p = keep(exp2(load(scores + j, Full{}) - maxima), lanes);
      total = total + p;
      Layout::store_p(scores, j, p);
    });
    for (int64_t j = round_up(seen, kLanes); j < keys; j += kLanes) {
      Layout::store_p(scores, j, broadcast(0));
    }
    *rescale = seen == 0 ? 1.0f : first_lane(exp2(broadcast(maxima_[query]) - maxima));
    maxima_[query] = largest;
    sums_[query] = sums_[query] * *rescale + sum(total);
  }

  void write(int64_t b, int64_t h, int64_t first, int64_t queries) {
    for (int64_t i = 0; i < queries; i++) {
      T* out = static_cast<T*>(a_.out) + b * a_.out_stride.batch + h * a_.out_stride.head +
               (first + i) * a_.out_stride.token;
      Vec inverse = broadcast(1.0f / sums_[i]);
      for_each_vector(a_.head_dim, [&](int64_t j, auto lanes) {
        store(out + j, load(out_ + i * out_columns_ + j, Full{}) * inverse, lanes);
      });
      if (a_.lse != nullptr) {
        constexpr double kLn2 = 0.69314718055994531;
        a_.lse[(b * a_.heads + h) * a_.q_len + first + i] =
            static_cast<float>(maxima_[i] * kLn2 + std::log(static_cast<double>(sums_[i])));
      }
    }
  }

  const Attention& a_;
  const Blocking& blocking_;
  int64_t depth_, out_columns_;
  Unit *q_, *k_rows_, *k_, *v_;
  float *scores_, *out_, *maxima_, *sums_, *rescale_;
};

template <class Layout>
bool attend(const Attention& a) {
  Blocking blocking(a);
  int64_t blocks = (a.q_len + blocking.queries - 1) / blocking.queries;
  int64_t tasks = a.batch * a.heads * blocks, next = 0, done = 0;
  bool parallel = tasks > 1 && a.batch * a.heads * a.q_len * a.k_len * a.head_dim > kSerialElements;
#pragma omp parallel if (parallel)
  {
    static thread_local Workspace workspace;
    Task<Layout> task(a, blocking);
    // A thread without memory leaves its share to the others.
    while (task.reserve(workspace)) {
      int64_t i;
#pragma omp atomic capture
      i = next++;
      if (i >= tasks) break;
      // Blocks of one head follow each other, its keys being in the last-level cache; the last
      // block goes first, as it sees the most keys when causal.
      int64_t head = i / blocks, first = (blocks - 1 - i % blocks) * blocking.queries;
      int64_t left = a.q_len - first;
      task.run(head / a.heads, head % a.heads, first,
               left < blocking.queries ? left : blocking.queries);
#pragma omp atomic
      done++;
    }
  }
  return done == tasks;
}

}  // namespace

bool attention(const Attention& a) {
#if defined(JDIT_AVX512_BF16)
  if (a.dtype == JDIT_BFLOAT16) return attend<Bf16PairLayout>(a);
#endif
  switch (a.dtype) {
    case JDIT_FLOAT32: return attend<FloatLayout<float>>(a);
    case JDIT_BFLOAT16: return attend<FloatLayout<bf16>>(a);
    default: return attend<FloatLayout<f16>>(a);
  }
}

}  // namespace JDIT_ISA
}  // namespace jdit
