// expect-gcc: could not convert .*Logits.*Hidden
// expect-clang: no matching function for call to 'transform'
#include <utility>

#include "sirocco/nn/step_results.hpp"

namespace sirocco {

Hidden transform(Hidden hidden, TransformContext& context);

Hidden twice(Hidden hidden, Logits logits, TransformContext& context) {
#ifdef SIROCCO_CONTROL
  (void)logits;
  return transform(transform(std::move(hidden), context), context);
#else
  (void)hidden;
  return transform(std::move(logits), context);
#endif
}

}  // namespace sirocco
