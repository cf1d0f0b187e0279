#pragma once

#include <concepts>
#include <memory>
#include <utility>

#include "sirocco/models/decoder_builder.hpp"
#include "sirocco/models/layer_loader.hpp"

namespace sirocco {

/// A Family has what its own class doesn't say otherwise.
struct Family {
  using FinalNorm = RmsNorm;
  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    return read_decoder_config(reader, weights);
  }
};

/// A DecoderFamily says how its description is read, the kinds of blocks that its layers may be (a
/// LayerSchedule), what stands behind the last one, and which ingredients a layer has. It may be
/// made of the description, to keep values of its own.
template <class F>
concept DecoderFamily =
    requires(F& family, LayerLoader& layer, typename F::Layers& layers, const ConfigReader& reader,
             const WeightSource& weights) {
      typename F::FinalNorm;
      { F::read(reader, weights) } -> std::same_as<DecoderConfig>;
      family.add(layer, layers);
    } &&
    (std::default_initializable<F> ||
     std::constructible_from<F, const ConfigReader&, const DecoderConfig&>);

/// A FamilyBuilder builds a family's models, with the loop over layers that all share.
template <DecoderFamily F>
class FamilyBuilder final : public DecoderBuilder {
 public:
  explicit FamilyBuilder(const ModelSources& from)
      : FamilyBuilder(ConfigReader(from.metadata), from) {}

 private:
  FamilyBuilder(const ConfigReader& reader, const ModelSources& from)
      : DecoderBuilder(F::read(reader, from.weights), from), family_(made(reader, config())) {}

  static F made(const ConfigReader& reader, const DecoderConfig& config) {
    if constexpr (std::constructible_from<F, const ConfigReader&, const DecoderConfig&>)
      return F(reader, config);
    else
      return F();
  }

  AnyBlocks make_blocks(LayerRange range) override {
    typename F::Layers layers(range.begin);
    each_layer(range, [&](LayerLoader& layer) { family_.add(layer, layers); });
    return stack(std::move(layers), final_norm<typename F::FinalNorm>(range));
  }

  template <class... Blocks, class FinalNorm>
  static AnyBlocks stack(LayerSchedule<Blocks...> layers, std::optional<FinalNorm> norm) {
    return AnyBlocks(std::make_shared<const LayerStack<FinalNorm, Blocks...>>(std::move(layers),
                                                                              std::move(norm)));
  }

  F family_;
};

template <DecoderFamily F>
std::unique_ptr<ModelBuilder> build_family(const ModelSources& from) {
  return std::make_unique<FamilyBuilder<F>>(from);
}

}  // namespace sirocco
