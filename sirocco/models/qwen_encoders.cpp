#include <fmt/format.h>

#include <algorithm>

#include "sirocco/models/vit_loader.hpp"

/// The encoders of Qwen's models that see: pictures of any size in whole squares of patches.
namespace sirocco {
namespace {

/// A GatedWindowBlock is a layer of Qwen2.5-VL's encoder that mixes within windows, a GatedVitBlock
/// one that mixes all of a picture.
using GatedWindowBlock = TransformerBlock<RmsNorm, PatchWindowAttention, Mlp>;
using GatedVitBlock = TransformerBlock<RmsNorm, BidirectionalAttention, Mlp>;

/// Rows and columns turn pairs by the same frequencies. (Wang et al. 2024)
std::vector<float> frequencies_for_both(int pairs, float base) {
  std::vector<float> out = rotary_frequencies(pairs, base);
  out.insert(out.end(), out.begin(), out.begin() + pairs / 2);
  return out;
}

/// Two products, the first of as much as it reads, with a square of patches as one row before.
MergeProjector merger(VitLoader& loader, std::string_view first, std::string_view second) {
  const VitConfig& config = loader.config();
  const std::int32_t side = config.merge_side();
  const std::int64_t merged = config.inner * side * side;
  return {side,
          MlpProjector(loader.weights().linear(first, merged, merged), PlainActivation::kGeluErf,
                       loader.weights().linear(second, config.info.width, merged))};
}

/// The sides of windows, in patches; they hold whole squares.
std::int32_t window_side(const VitConfig& config) {
  const std::int32_t pixels = config.reader.dimension_or("vision.window_size", 112);
  const std::int32_t merge = config.merge_side();
  const std::int32_t squares = pixels / merge / config.info.patch;
  if (squares < 1) {
    throw FormatError("{}: windows of {} pixels for squares of {} x {}",
                      config.reader.metadata().origin(), pixels, merge * config.info.patch,
                      merge * config.info.patch);
  }
  return squares * merge;
}

std::vector<std::int32_t> full_layers(const VitConfig& config) {
  if (const auto said = config.layers("vision.full_attention_layers")) return *said;
  // Every so many-th, as files of llama.cpp have it.
  std::vector<std::int32_t> out;
  const std::int32_t every = config.reader.dimension("vision.n_wa_pattern");
  for (std::int32_t i = every - 1; i < config.info.layers; i += every) out.push_back(i);
  return out;
}

/// Behind which layer rows for the deep stack are wanted, and what the tensors of their merger are
/// called before what they are.
struct DeepLayer {
  std::int32_t layer;
  std::string stem;
};
std::vector<DeepLayer> deep_layers(const VitConfig& config) {
  const auto stem = [](std::int64_t index) { return fmt::format("v.deepstack.{}.", index); };
  std::vector<DeepLayer> out;
  // Folders number mergers, files of llama.cpp call them by their layers.
  if (const auto said = config.layers("vision.deepstack_layers")) {
    for (const std::int32_t layer : *said) out.push_back({layer, stem(std::ssize(out))});
    return out;
  }
  constexpr std::string_view kKey = "clip.vision.is_deepstack_layers";
  const auto* const is_deep = config.reader.metadata().get_array<std::vector<bool>>(kKey);
  if (is_deep == nullptr) return out;
  for (std::int32_t i = 0; i < config.info.layers && i < std::ssize(*is_deep); ++i)
    if ((*is_deep)[static_cast<std::size_t>(i)]) out.push_back({i, stem(i)});
  return out;
}

}  // namespace

AnyPictureEncoder qwen2_encoder(VitLoader& loader) {
  // What is converted has the language model's width in its place.
  loader.measure_mlps();
  loader.rotate(frequencies_for_both, RotaryRows::kHalfSplit);
  PictureOptions<LayerNorm> options{.norm = loader.norm<LayerNorm>("v.post_ln")};
  return loader.encoder(loader.embedding(PatchPlaces::kOwn),
                        loader.layers<LayerNorm, BidirectionalAttention>(),
                        merger(loader, "mm.0", "mm.2"), std::move(options));
}

AnyPictureEncoder qwen2_5_encoder(VitLoader& loader) {
  const VitConfig& config = loader.config();
  loader.rotate(frequencies_for_both, RotaryRows::kHalfSplit);
  PictureOptions<RmsNorm> options{
      .norm = loader.norm<RmsNorm>("v.post_ln"),
      .windows = PatchWindows{window_side(config), full_layers(config)}};
  LayerSchedule<GatedWindowBlock, GatedVitBlock> layers((LayerIndex(0)));
  for (std::int32_t i = 0; i < config.info.layers; ++i) {
    if (options.windows->apply_in(LayerIndex(i)))
      layers.push_back(loader.layer<RmsNorm, PatchWindowAttention>(i));
    else
      layers.push_back(loader.layer<RmsNorm, BidirectionalAttention>(i));
  }
  return loader.encoder(loader.embedding(PatchPlaces::kOwn), std::move(layers),
                        merger(loader, "mm.0", "mm.2"), std::move(options));
}

AnyPictureEncoder qwen3_encoder(VitLoader& loader) {
  const VitConfig& config = loader.config();
  loader.rotate(frequencies_for_both, RotaryRows::kHalfSplit);
  std::vector<std::int32_t> features = {config.info.layers};
  std::vector<MergeProjector> deep;
  const std::int64_t merged = config.inner * config.merge_side() * config.merge_side();
  for (const DeepLayer& each : deep_layers(config)) {
    features.push_back(each.layer + 1);
    deep.push_back(merger(loader, each.stem + "fc1", each.stem + "fc2")
                       .with_norm(loader.weights().norm<LayerNorm>(each.stem + "norm", merged,
                                                                   config.epsilon)));
  }
  DeepStackProjector projector(loader.norm<LayerNorm>("v.post_ln"), merger(loader, "mm.0", "mm.2"),
                               std::move(deep));
  PictureOptions<LayerNorm> options{.features = LayerFeatures(std::move(features))};
  return loader.encoder(loader.embedding(PatchPlaces::kInterpolated),
                        loader.layers<LayerNorm, BidirectionalAttention>(), std::move(projector),
                        std::move(options));
}

}  // namespace sirocco
