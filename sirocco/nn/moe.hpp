#pragma once

#include <memory>
#include <optional>

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/linear.hpp"

namespace sirocco {

/// A MoeConfig is what a mixture of experts has besides weights.
struct MoeConfig {
  RouterSpec router;
  GateActivation activation = GateActivation::kSilu;
};

/// An MoE is a mixture of experts: a router sends each token to the few gated feed-forwards that
/// suit it best, and their results are summed, weighted by its scores. (Shazeer et al. 2017; Jiang
/// et al. 2024) Built in one expression:
///   MoE(config, router, gate, up, down).with_selection_bias(bias).with_shared(mlp)
/// Throws InvalidArgument when parts or configuration don't fit one another. [T, D] to [T, D].
class MoE {
 public:
  MoE(const MoeConfig& config, Linear router, StackLinear gate, StackLinear up, StackLinear down);

  /// A selection bias is added to the scores that choose, but not to the weights. [X] (DeepSeek-AI
  /// 2024)
  MoE with_selection_bias(WeightVector bias) &&;
  /// A feed-forward that every token goes through besides.
  MoE with_shared(Mlp shared) &&;

  Tensor forward(const Activations& x, TransformContext& context) const;
  ActivationForms input_forms() const;

 private:
  ExpertRows route(const Activations& x, TransformContext& context) const;

  MoeConfig config_;
  Linear router_;
  WeightVector selection_bias_;
  StackLinear gate_, up_, down_;
  std::optional<Mlp> shared_;
};

}  // namespace sirocco
