#pragma once

#include <cstdint>
#include <variant>

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/linear.hpp"

namespace sirocco {

/// An Mlp is the feed-forward of a dense model, [T, D] to [T, D], F wide inside. Gated:
/// down(activation(gate(x)) · up(x)). (Shazeer 2020) Ungated: down(activation(up(x))).
class Mlp {
 public:
  /// A gated one, or one without a gate. Both throw InvalidArgument when their projections don't
  /// fit one another.
  Mlp(GateActivation activation, Linear gate, Linear up, Linear down);
  Mlp(PlainActivation activation, Linear up, Linear down);

  Tensor forward(const Activations& x, TransformContext& context) const;
  ActivationForms input_forms() const;
  /// Products of two numbers that a row takes.
  std::int64_t products() const;

 private:
  struct Gate {
    GateActivation activation;
    Linear linear;
  };

  std::variant<Gate, PlainActivation> activation_;
  Linear up_, down_;
};

}  // namespace sirocco
