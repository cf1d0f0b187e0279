#include <algorithm>

#include "sirocco/models/vit_loader.hpp"

/// Pixtral's encoder, of pictures of any size, and the projectors behind it.
namespace sirocco {
namespace {

/// Of the frequencies of a whole head every other one is for rows, the rest for columns. (Agrawal
/// et al. 2024)
std::vector<float> frequencies_in_turn(int pairs, float base) {
  const std::vector<float> all = rotary_frequencies(2 * pairs, base);
  std::vector<float> out;
  for (const std::size_t first : {0U, 1U})
    for (std::size_t i = first; i < all.size(); i += 2) out.push_back(all[i]);
  return out;
}

}  // namespace

AnyPictureEncoder pixtral_encoder(VitLoader& loader) {
  constexpr std::string_view kMerger = "mm.patch_merger";
  const VitConfig& config = loader.config();
  WeightLoader& weights = loader.weights();
  // The language model has it too, among those of its tokens.
  if (constexpr std::string_view kBreak = "v.token_embd.img_break"; weights.has(kBreak))
    weights.vector(kBreak, config.info.width);
  loader.rotate(frequencies_in_turn, RotaryRows::kNeighbouringPairs);
  PatchEmbedding embedding =
      loader.embedding(PatchPlaces::kOwn).with_norm(loader.norm<RmsNorm>("v.pre_ln"));
  auto layers = loader.layers<RmsNorm, BidirectionalAttention>();
  const std::int64_t width = config.info.width;
  const auto mlp = [&](std::int64_t inputs) {
    return MlpProjector(weights.linear("mm.1", width, inputs), PlainActivation::kGeluErf,
                        weights.linear("mm.2", width, width));
  };
  if (!weights.has(std::string(kMerger) + ".weight")) {
    const std::vector<std::int32_t> features = config.features();
    PictureOptions<RmsNorm> options{.features = LayerFeatures(features)};
    const auto count = std::max<std::int64_t>(1, std::ssize(features));
    return loader.encoder(std::move(embedding), std::move(layers), mlp(count * config.inner),
                          std::move(options));
  }
  const std::int32_t side = config.merge_side();
  const float epsilon = config.reader.positive_or("vision.projector.epsilon", config.epsilon);
  PictureOptions<RmsNorm> options{
      .norm = weights.norm<RmsNorm>("mm.input_norm", config.inner, epsilon)};
  MergeProjector projector =
      MergeProjector(side, mlp(config.inner))
          .with_merge(weights.merging_linear(kMerger, config.inner, side, config.inner));
  return loader.encoder(std::move(embedding), std::move(layers), std::move(projector),
                        std::move(options));
}

}  // namespace sirocco
