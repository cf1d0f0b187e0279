// expect-gcc: 'class sirocco::Ops' has no member named 'linear'
// expect-clang: no member named 'linear' in 'sirocco::Ops'
// An adapter is added to a product within Linear, and nothing goes around it.
#include <span>

#include "sirocco/nn/linear.hpp"

namespace sirocco {

#ifdef SIROCCO_CONTROL
void multiply(const Activations& x, const Linear& linear, const Tensor& out,
              TransformContext& context) {
  linear.forward(x, Out(out), context);
}
#else
void multiply(const Activations& x, const LinearTarget& target, TransformContext& context) {
  context.ops().linear(x, std::span(&target, 1));
}
#endif

}  // namespace sirocco
