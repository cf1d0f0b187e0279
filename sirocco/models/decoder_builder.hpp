#pragma once

#include <concepts>
#include <memory>
#include <string_view>
#include <variant>

#include "sirocco/models/config.hpp"
#include "sirocco/models/decoder.hpp"
#include "sirocco/models/weight_loader.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/moe.hpp"

namespace sirocco {

/// How the layers of a kind attend.
template <Attention A>
struct LayerKind {
  std::shared_ptr<const Rotary> rotary;
  typename A::Mask mask = {};
};

/// What the builders of decoder-only families share: the token table, held once for embedding and
/// tied head, the final norm, and the ingredients whose tensor names they agree on. A family adds
/// its blocks.
class DecoderBuilder : public ModelBuilder {
 public:
  const ModelInfo& info() const override { return config_.info; }
  void expect_context(std::int32_t positions) override { config_.context = positions; }
  AnyEmbed embed() override;
  AnyBlocks blocks(LayerRange range) final;
  AnyLmHead lm_head() override;
  std::vector<Linear> projections() override;

 protected:
  /// Throws UnsupportedError for tensors that decoders have no part for, FormatError for those of
  /// layers that there aren't. Every part throws the former for tensors of its own that it has no
  /// use for.
  DecoderBuilder(DecoderConfig config, const WeightSource& weights, Backend& backend,
                 LoadProgress progress);

  /// The family's blocks, each made in its turn of `each_layer`, with the final norm.
  virtual AnyBlocks make_blocks(LayerRange range) = 0;
  /// Calls load(layer) for each of them; afterwards all tensors of that layer must have been read.
  void each_layer(LayerRange range, FunctionRef<void(LayerIndex)> load);

  const DecoderConfig& config() const { return config_; }
  WeightLoader& loader() { return loader_; }

  /// What a family sets before the parts are asked for.
  void scale_embedding(float scale) { embedding_scale_ = scale; }
  void cap_logits(float cap) { final_cap_ = cap; }
  /// A learned vector a position, position_embd [P, D], which ends the context.
  void learn_positions();
  /// The first of the token types, a row of token_types, and a norm over the sum, token_embd_norm.
  void normalize_embedding() { normalized_embedding_ = true; }
  /// No head, and rows that see what comes behind them.
  void encode_only() { config_.info.generates = false; }

  RmsNorm norm(std::string_view name, std::int64_t width);
  RmsNorm layer_norm(LayerIndex layer, std::string_view ingredient);
  /// The norm behind the last layer, where `range` holds that.
  std::optional<RmsNorm> final_norm(LayerRange range);
  /// STEM.weight and STEM.bias, [D] each, and those behind the last layer.
  LayerNorm centered_norm(std::string_view stem);
  std::optional<LayerNorm> final_centered_norm(LayerRange range);
  Mlp gated_mlp(LayerIndex layer, GateActivation activation);
  MoE moe(LayerIndex layer, GateActivation activation);
  /// What a layer of a model that may have experts has: a schedule visits it.
  std::variant<Mlp, MoE> feed_forward(LayerIndex layer, GateActivation activation);
  Mlp ungated_mlp(LayerIndex layer, PlainActivation activation);

  /// The attention of a layer, its projections apart or fused as attn_qkv; queries and keys are
  /// normalized where the checkpoint has norms for them.
  template <Attention A>
  A attention(LayerIndex layer, AttentionConfig shape, RotaryRows rows,
              std::shared_ptr<const Rotary> rotary, typename A::Mask mask = {}) {
    const auto name = [&](std::string_view ingredient) { return layer_name(layer, ingredient); };
    const auto heads = [&](int count) {
      return HeadRows{count, config_.head_dim, config_.rotary_dims, rows};
    };
    const std::int64_t d = config_.info.width;
    shape.value_dim = config_.value_dim;
    const std::int64_t queries = std::int64_t{shape.heads} * shape.head_dim;
    const std::int64_t keys = std::int64_t{shape.kv_heads} * shape.head_dim;
    const std::int64_t values = std::int64_t{shape.kv_heads} * shape.value_dim;
    loader_.split(name("attn_qkv"),
                  {{name("attn_q"), queries}, {name("attn_k"), keys}, {name("attn_v"), values}});
    A built =
        A(shape, loader_.rotary_linear(name("attn_q"), heads(shape.heads), d),
          loader_.rotary_linear(name("attn_k"), heads(shape.kv_heads), d),
          loader_.linear(name("attn_v"), values, d),
          loader_.linear(name("attn_output"), d, std::int64_t{shape.heads} * shape.value_dim), mask)
            .with_rotary(std::move(rotary));
    if constexpr (A::Mask::kCausal) built = std::move(built).with_paged_attn({});
    if (loader_.has(name("attn_sinks.weight")))
      built = std::move(built).with_sinks(loader_.vector(name("attn_sinks.weight"), shape.heads));
    if (!loader_.has(name("attn_q_norm.weight"))) return built;
    RmsNorm query_norm = norm(name("attn_q_norm.weight"), shape.head_dim);
    return std::move(built).with_qk_norm(std::move(query_norm),
                                         norm(name("attn_k_norm.weight"), shape.head_dim));
  }

  /// Layers of two kinds, or of one in two ways: `make` gives the block of a layer of a kind.
  template <Attention Local, Attention Global, class Make>
  AnyBlocks alternating(LayerRange range, const WindowPattern& pattern,
                        const LayerKind<Local>& local, const LayerKind<Global>& global,
                        const Make& make) {
    using LocalBlock = decltype(make(range.begin, local));
    using GlobalBlock = decltype(make(range.begin, global));
    const auto fill = [&]<class... Blocks>(LayerSchedule<Blocks...> layers) {
      each_layer(range, [&](LayerIndex layer) {
        if (pattern.is_local(layer))
          layers.push_back(make(layer, local));
        else
          layers.push_back(make(layer, global));
      });
      return AnyBlocks(
          std::make_shared<const DecoderBlocks<Blocks...>>(std::move(layers), final_norm(range)));
    };
    if constexpr (std::same_as<LocalBlock, GlobalBlock>)
      return fill(LayerSchedule<LocalBlock>(range.begin));
    else
      return fill(LayerSchedule<LocalBlock, GlobalBlock>(range.begin));
  }

 private:
  Mlp gated_mlp(LayerIndex layer, std::string_view suffix, std::int64_t width,
                GateActivation activation);
  const std::shared_ptr<const WeightMatrix>& table();
  void expect_all_read(std::string_view begin) const {
    loader_.expect_all_read(begin, config_.info.architecture);
  }

  DecoderConfig config_;
  WeightLoader loader_;
  float embedding_scale_ = 1.0f;
  float final_cap_ = 0.0f;
  bool normalized_embedding_ = false;
  std::shared_ptr<const WeightMatrix> table_;
};

}  // namespace sirocco
