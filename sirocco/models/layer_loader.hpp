#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "sirocco/models/config.hpp"
#include "sirocco/models/weight_loader.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/moe.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// NormNames are what a family's files call the norms of a layer, below the layer's own name. One
/// behind an ingredient, and that of the feed-forward, are there where the wiring has them.
struct NormNames {
  std::string_view mixer;
  std::string_view ffn = {};
  std::string_view behind_mixer = {};
  std::string_view behind_ffn = {};
};

/// A LayerLoader makes the ingredients of one layer, by the names that decoders share.
class LayerLoader {
 public:
  /// Borrows its references. `rotary` is the model's; null: it learns its positions.
  LayerLoader(WeightLoader& weights, const DecoderConfig& config, LayerIndex layer,
              std::shared_ptr<const Rotary> rotary)
      : weights_(weights), config_(config), layer_(layer), rotary_(std::move(rotary)) {}

  LayerIndex index() const { return layer_; }
  const DecoderConfig& config() const { return config_; }
  WeightLoader& weights() { return weights_; }
  const std::shared_ptr<const Rotary>& rotary() const { return rotary_; }
  /// "blk.N.INGREDIENT"
  std::string name(std::string_view ingredient) const;

  /// The norm INGREDIENT of rows [T, D]; `forms` are those that its consumers read.
  template <Norm N>
  N norm(std::string_view ingredient, ActivationForms forms = {}) {
    using Plain = std::conditional_t<std::same_as<N, QRmsNorm>, RmsNorm, N>;
    Plain plain = weights_.norm<Plain>(name(ingredient), config_.info.width, config_.norm_epsilon);
    if constexpr (std::same_as<N, QRmsNorm>)
      return QRmsNorm(std::move(plain), forms);
    else
      return plain;
  }

  /// The attention, its projections apart or fused as attn_qkv, biases where they are; queries and
  /// keys are normalized where the checkpoint has norms for them. `rows` is how GGUF files of the
  /// architecture hold those of queries and keys.
  template <Attention A>
  A attention(RotaryRows rows, const typename A::Mask& mask = {}) {
    return attention<A>(rows, mask, rotary_);
  }
  /// The same with a rotary encoding of the layer's own.
  template <Attention A>
  A attention(RotaryRows rows, const typename A::Mask& mask, std::shared_ptr<const Rotary> rotary) {
    A built = step_attention<A>(rows, mask, std::move(rotary));
    if constexpr (A::Mask::kCausal)
      return std::move(built).with_paged_attn({});
    else
      return built;
  }
  /// The same of a model that reads each sequence in one step, so that nothing is kept.
  template <Attention A>
  A step_attention(RotaryRows rows, const typename A::Mask& mask,
                   std::shared_ptr<const Rotary> rotary);

  Mlp ungated_mlp(PlainActivation activation);
  Mlp gated_mlp(GateActivation activation);
  MoE moe(GateActivation activation);
  /// What a layer of a model that may have experts has.
  std::variant<Mlp, MoE> feed_forward(GateActivation activation);

  /// Adds a block of these ingredients to `layers`.
  template <Norm N, class Wiring = PreNorm, class Layers, Mixer A, FeedForward F>
  void add_block(Layers& layers, const NormNames& names, A mixer, F ffn) {
    using Block = TransformerBlock<N, A, F, Wiring>;
    auto norms = this->norms<N, Wiring>(names, forms_of(mixer), forms_of(ffn));
    layers.push_back(Block(std::move(norms), std::move(mixer), std::move(ffn)));
  }
  template <Norm N, class Wiring = PreNorm, class Layers, Mixer A>
  void add_block(Layers& layers, const NormNames& names, A mixer, std::variant<Mlp, MoE> ffn) {
    std::visit(
        [&](auto& of_this_layer) {
          add_block<N, Wiring>(layers, names, std::move(mixer), std::move(of_this_layer));
        },
        ffn);
  }

 private:
  template <class Consumer>
  static ActivationForms forms_of(const Consumer& consumer) {
    if constexpr (requires { consumer.input_forms(); })
      return consumer.input_forms();
    else
      return {};
  }

  template <Norm N, class Wiring>
  typename Wiring::template Of<N> norms(const NormNames& names, ActivationForms mixer,
                                        ActivationForms ffn) {
    using Norms = typename Wiring::template Of<N>;
    if constexpr (std::constructible_from<Norms, N, N, N, N>) {
      return Norms(norm<N>(names.mixer, mixer), norm<N>(names.behind_mixer),
                   norm<N>(names.ffn, ffn), norm<N>(names.behind_ffn));
    } else {
      if constexpr (std::constructible_from<Norms, N>)
        if (names.ffn.empty()) return Norms(norm<N>(names.mixer, mixer | ffn));
      return Norms(norm<N>(names.mixer, mixer), norm<N>(names.ffn, ffn));
    }
  }

  Mlp gated_mlp(std::string_view suffix, std::int64_t width, GateActivation activation);

  WeightLoader& weights_;
  const DecoderConfig& config_;
  LayerIndex layer_;
  std::shared_ptr<const Rotary> rotary_;
};

extern template CausalAttention LayerLoader::step_attention(RotaryRows, const CausalMask&,
                                                            std::shared_ptr<const Rotary>);
extern template SlidingWindowAttention LayerLoader::step_attention(RotaryRows, const WindowMask&,
                                                                   std::shared_ptr<const Rotary>);
extern template BidirectionalAttention LayerLoader::step_attention(RotaryRows,
                                                                   const BidirectionalMask&,
                                                                   std::shared_ptr<const Rotary>);

}  // namespace sirocco
