// The FoCa forecast of the cache engine; every operation is rounded to the element type.
#include "kernel_table.h"
#include "parallel.h"

namespace jdit {
namespace JDIT_ISA {

void foca_eval(const FocaEval& args) {
  with_dtype(args.dtype, [&](auto type) {
    using T = decltype(type);
    auto a = static_cast<const T*>(args.a), a1 = static_cast<const T*>(args.a1),
         f = static_cast<const T*>(args.f), f1 = static_cast<const T*>(args.f1),
         base = static_cast<const T*>(args.base);
    auto y = static_cast<T*>(args.y), total = static_cast<T*>(args.sum);
    bool near = args.near;
    Vec half_t = broadcast(args.half_t), weight = broadcast(args.weight),
        rest = broadcast(args.rest), three_halves = broadcast(1.5f);
    parallel_elements(args.n, false, [&](int64_t i, auto lanes, auto put) JDIT_LAMBDA_INLINE {
      Vec newest = load_ahead(a + i, lanes);
      Vec slow = rounded<T>(newest - load_ahead(a1 + i, lanes));
      Vec fast = rounded<T>(load_ahead(f + i, lanes) - load_ahead(f1 + i, lanes));
      Vec g = rounded<T>(slow + fast);
      Vec forecast;
      if (near) {
        forecast = rounded<T>(newest + rounded<T>(half_t * g));
      } else {
        Vec z = rounded<T>(newest + rounded<T>(three_halves * g));
        forecast = rounded<T>(rounded<T>(weight * z) + rounded<T>(rest * newest));
      }
      put(y + i, forecast, lanes);
      if (base != nullptr) {
        put(total + i, rounded<T>(forecast + load_ahead(base + i, lanes)), lanes);
      }
    });
  });
}

}  // namespace JDIT_ISA
}  // namespace jdit
