#pragma once

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/linear.hpp"

namespace sirocco {

/// down(activation(gate(x)) · up(x)): the gated feed-forward. (Shazeer 2020) [T, D] to [T, D], F
/// wide inside.
class Mlp {
 public:
  /// Throws InvalidArgument when the three don't fit one another.
  Mlp(GateActivation activation, Linear gate, Linear up, Linear down);

  Tensor forward(const Activations& x, TransformContext& context) const;
  ActivationForms input_forms() const { return forms_for(gate_) | forms_for(up_); }

 private:
  GateActivation activation_;
  Linear gate_, up_, down_;
};

}  // namespace sirocco
