#pragma once

#include <concepts>
#include <memory>
#include <optional>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/models/config.hpp"
#include "sirocco/models/decoder.hpp"
#include "sirocco/models/layer_loader.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/models/weight_loader.hpp"

namespace sirocco {

/// A DecoderBuilder is what the builders of all families share: the token table, held once for
/// embedding and tied head, the final norm, and that every tensor is read. A family adds its layers
/// (family.hpp).
class DecoderBuilder : public ModelBuilder {
 public:
  const ModelInfo& info() const override { return config_.info; }
  void expect_context(std::int32_t positions) override { config_.context = positions; }
  AnyEmbed embed() override;
  AnyBlocks blocks(LayerRange range) final;
  AnyLmHead lm_head() override;
  AnyLmHeadShard lm_head_shard(VocabularyRange range) override;
  std::vector<Linear> projections() override;

 protected:
  /// Throws UnsupportedError for tensors that decoders have no part for, FormatError for those of
  /// layers that there aren't. Every part throws the former for tensors of its own that it has no
  /// use for.
  DecoderBuilder(DecoderConfig config, const ModelSources& from);

  /// The family's blocks, each made in its turn of `each_layer`, with the final norm.
  virtual AnyBlocks make_blocks(LayerRange range) = 0;
  /// Calls load(layer) for each of them; afterwards all tensors of that layer must have been read.
  void each_layer(LayerRange range, FunctionRef<void(LayerLoader&)> load);

  const DecoderConfig& config() const { return config_; }

  /// The norm behind the last layer, where `range` holds that.
  template <class N>
  std::optional<N> final_norm(LayerRange range) {
    if (range.end.value() != config_.info.layers) return std::nullopt;
    if constexpr (std::same_as<N, NoNorm>)
      return NoNorm();
    else
      return loader_.norm<N>("output_norm", config_.info.width, config_.norm_epsilon);
  }

 private:
  const std::shared_ptr<const WeightMatrix>& table();
  /// Throws where the model has no head.
  void require_head() const;
  void expect_all_read(std::string_view begin) const {
    loader_.expect_all_read(begin, config_.info.architecture);
  }

  DecoderConfig config_;
  WeightLoader loader_;
  WeightPacker& packer_;
  std::shared_ptr<const WeightMatrix> table_;
};

}  // namespace sirocco
