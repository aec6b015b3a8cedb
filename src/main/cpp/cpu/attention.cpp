// Attention with online softmax (Milakov and Gimelshein 2018), tiled as in FlashAttention (Dao et
// al. 2022): a task is a block of queries of one head, which runs over blocks of keys and keeps the
// running maximum, the running sum and the unnormalised output of each query.
#include <cfloat>
#include <cmath>
#include <cstdlib>

#include "attention_scores.h"
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {
namespace {

// Queries of one task and keys of one block. The more keys, the fewer times unnormalised outputs
// are read and rescaled; the more queries, the fewer times keys are packed. Both together stay
// below the 1 MiB of a second level cache.
struct Blocking {
  int64_t queries, keys, blocks;  // blocks of queries of one head
  // Queries whose scores are alive at a time.
  static constexpr int64_t kStrip = round_up(4 * kTileRows, kRowStep);

  explicit Blocking(const Attention& a) {
    int64_t most = clamp(65536 / a.head_dim, 32, 1024);
    int64_t tasks = 4 * omp_get_max_threads(), few = divided(a.q_len, 32);
    blocks = divided(tasks, a.batch * a.heads);
    if (blocks > few) blocks = few;
    if (blocks < divided(a.q_len, most)) blocks = divided(a.q_len, most);
    queries = round_up(divided(a.q_len, blocks), kStrip);
    blocks = divided(a.q_len, queries);
    keys = clamp(65536 / a.head_dim, 64, 512);
    if (keys > a.k_len) keys = a.k_len;
    keys = round_up(keys, kPanel);
  }

  static int64_t clamp(int64_t n, int64_t low, int64_t high) {
    return n < low ? low : n > high ? high : n;
  }
  // Rounded up.
  static int64_t divided(int64_t n, int64_t by) { return (n + by - 1) / by; }
};

template <class Scores, class Layout>
class Task {
 public:
  using T = typename Layout::Element;
  using Unit = typename Layout::Unit;

  Task(const Attention& a, const Blocking& blocking)
      : a_(a), blocking_(blocking), scores_of_(a, blocking.queries, blocking.keys),
        out_columns_(round_up(a.head_dim, kLanes)) {}

  bool reserve(Workspace& w) {
    int64_t q = blocking_.queries, k = blocking_.keys, panels = round_up(a_.head_dim, kPanel);
    int64_t sizes[] = {Layout::units(k) * panels, Blocking::kStrip * k, q * out_columns_, q, q,
                       Blocking::kStrip};
    int64_t words = scores_of_.words();
    for (int64_t size : sizes) words += round_up(size, 16);
    if (!w.reserve(words)) return false;
    scores_of_.take(w);
    v_ = w.take<Unit>(sizes[0]);
    scores_ = w.take<float>(sizes[1]);
    out_ = w.take<float>(sizes[2]);
    maxima_ = w.take<float>(sizes[3]);
    sums_ = w.take<float>(sizes[4]);
    rescale_ = w.take<float>(sizes[5]);
    return true;
  }

  void run(int64_t b, int64_t h, int64_t first, int64_t queries) {
    scores_of_.start(b, h, first, queries);
    for (int64_t i = 0; i < queries * out_columns_; i++) out_[i] = 0;
    for (int64_t i = 0; i < queries; i++) {
      maxima_[i] = -FLT_MAX;
      sums_[i] = 0;
    }
    const T* v = head<T>(a_.v, a_.v_stride, b, h);
    int64_t end = a_.k_len;
    if (a_.causal && first + queries < end) end = first + queries;
    for (int64_t k0 = 0; k0 < end; k0 += blocking_.keys) {
      int64_t keys = end - k0 < blocking_.keys ? end - k0 : blocking_.keys;
      scores_of_.pack_keys(k0, keys);
      Layout::pack_v(v + k0 * a_.v_stride.token, a_.v_stride.token, keys, a_.head_dim, v_);
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
  void strip(int64_t r, int64_t rows, int64_t keys, int64_t visible) {
    scores_of_.multiply(r, rows, keys, scores_, blocking_.keys);
    for (int64_t i = 0; i < rows; i++) {
      int64_t seen = visible + (a_.causal ? i : 0);
      softmax(scores_ + i * blocking_.keys, keys, seen < keys ? seen : keys, r + i, rescale_ + i);
    }
    multiply<typename Layout::Step>(
        reinterpret_cast<const Unit*>(scores_), blocking_.keys, v_, Layout::units(keys), rows,
        a_.head_dim, RescaledSums{{out_ + r * out_columns_, out_columns_}, rescale_});
  }

  // Scores of one query to probabilities relative to its running maximum.
  void softmax(float* scores, int64_t keys, int64_t seen, int64_t query, float* rescale) {
    Vec top = broadcast(maxima_[query]);
    int64_t i = 0;
    for (; i + kLanes <= seen; i += kLanes) top = max(load(scores + i, Full{}), top);
    float largest = maximum(top), factor = scores_of_.factor(query);
    for (; i < seen; i++) largest = scores[i] > largest ? scores[i] : largest;
    Vec factors = broadcast(factor), maxima = broadcast(largest), total = broadcast(0);
    if (seen < 0) seen = 0;
    for_each_vector(seen, [&](int64_t j, auto lanes) JDIT_LAMBDA_INLINE {
      Vec p = keep(exp2_of_negative((load(scores + j, Full{}) - maxima) * factors), lanes);
      total = total + p;
      Layout::store_p(scores, j, p);
    });
    for (int64_t j = round_up(seen, kLanes); j < keys; j += kLanes) {
      Layout::store_p(scores, j, broadcast(0));
    }
    *rescale = first_lane(exp2((broadcast(maxima_[query]) - maxima) * factors));
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
        double top = maxima_[i] * scores_of_.factor(i) + scores_of_.shift(i);
        a_.lse[(b * a_.heads + h) * a_.q_len + first + i] =
            static_cast<float>(top * kLn2 + std::log(static_cast<double>(sums_[i])));
      }
    }
  }

  const Attention& a_;
  const Blocking& blocking_;
  Scores scores_of_;
  int64_t out_columns_;
  Unit* v_;
  float *scores_, *out_, *maxima_, *sums_, *rescale_;
};

template <class Scores, class Layout>
bool attend(const Attention& a) {
  Blocking blocking(a);
  int64_t blocks = blocking.blocks, tasks = a.batch * a.heads * blocks, next = 0, done = 0;
  bool parallel = tasks > 1 && a.batch * a.heads * a.q_len * a.k_len * a.head_dim > kSerialElements;
#pragma omp parallel if (parallel)
  {
    static thread_local Workspace workspace;
    [[maybe_unused]] Tiles tiles;
    Task<Scores, Layout> task(a, blocking);
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

template <class Layout>
bool attend_by(const Attention& a) {
#if defined(JDIT_AVX2) || defined(JDIT_AVX512)
  if (a.int8) return attend<Int8Scores<typename Layout::Element>, Layout>(a);
#endif
  return attend<ExactScores<Layout>, Layout>(a);
}

}  // namespace

bool attention(const Attention& a) {
#if defined(JDIT_AVX512_BF16)
  if (a.dtype == JDIT_BFLOAT16) return attend_by<Bf16PairLayout>(a);
#endif
  switch (a.dtype) {
    case JDIT_FLOAT32: return attend_by<FloatLayout<float>>(a);
    case JDIT_BFLOAT16: return attend_by<FloatLayout<bf16>>(a);
    default: return attend_by<FloatLayout<f16>>(a);
  }
}

}  // namespace JDIT_ISA
}  // namespace jdit
