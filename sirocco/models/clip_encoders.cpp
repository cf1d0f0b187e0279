#include <algorithm>

#include "sirocco/models/vit_loader.hpp"
#include "sirocco/nn/attention_pool.hpp"

/// Encoders of squares of one size, with learned positions: CLIP's and SigLIP's.
namespace sirocco {
namespace {

template <Projector P>
AnyPictureEncoder vit_encoder(VitLoader& loader, PatchPlaces places, P projector,
                              PictureOptions<LayerNorm> options = {}) {
  PatchEmbedding embedding = loader.embedding(places);
  if (loader.weights().has("v.pre_ln.weight"))
    embedding = std::move(embedding).with_norm(loader.norm<LayerNorm>("v.pre_ln"));
  auto layers = loader.layers<LayerNorm, BidirectionalAttention>();
  options.features = LayerFeatures(loader.config().features());
  if (loader.weights().has("v.post_ln.weight")) options.norm = loader.norm<LayerNorm>("v.post_ln");
  return loader.encoder(std::move(embedding), std::move(layers), std::move(projector),
                        std::move(options));
}

}  // namespace

AnyPictureEncoder mlp_encoder(VitLoader& loader) {
  constexpr std::string_view kBehindNorm = "mm.3.weight";
  const VitConfig& config = loader.config();
  const std::int64_t width = config.info.width;
  if (loader.weights().has(kBehindNorm)) {
    throw UnsupportedError(
        "{}: tensor {} is of a projector with norms, as Yi-VL has it, which "
        "isn't supported",
        config.reader.metadata().origin(), quoted(kBehindNorm));
  }
  // Old files of SigLIP have the head that pools its pictures.
  loader.weights().leave_out("v.head.");
  const auto features = std::max<std::int64_t>(1, std::ssize(config.features()));
  MlpProjector projector(loader.weights().linear("mm.0", width, features * config.inner),
                         PlainActivation::kGeluErf, loader.weights().linear("mm.2", width, width));
  PictureOptions<LayerNorm> options;
  options.keeps_rows_before =
      config.reader.metadata().get_or<bool>("clip.vision.keeps_class", false);
  return vit_encoder(loader, PatchPlaces::kOwn, std::move(projector), std::move(options));
}

AnyPictureEncoder idefics3_encoder(VitLoader& loader) {
  const VitConfig& config = loader.config();
  const std::int32_t side = config.reader.dimension_or("vision.projector.scale_factor", 2);
  if (config.grid_side % side != 0) {
    throw FormatError("{}: squares of {} patches a side don't fill a grid of {} a side",
                      config.reader.metadata().origin(), side, config.grid_side);
  }
  ShuffleProjector projector(
      side, loader.weights().linear("mm.model.fc", config.info.width, config.inner * side * side));
  return vit_encoder(loader, PatchPlaces::kFraction, std::move(projector));
}

AnyPictureEncoder gemma3_encoder(VitLoader& loader) {
  const VitConfig& config = loader.config();
  WeightLoader& weights = loader.weights();
  // Files of old don't say it.
  const std::int32_t side = config.reader.dimension_or("vision.projector.scale_factor", 4);
  if (side > config.grid_side) {
    throw FormatError("{}: squares of {} patches a side in a grid of {} a side",
                      config.reader.metadata().origin(), side, config.grid_side);
  }
  PoolProjector projector(
      side, loader.norm<RmsNorm>("mm.soft_emb_norm"),
      weights.turned_linear("mm.input_projection.weight", config.info.width, config.inner));
  return vit_encoder(loader, PatchPlaces::kOwn, std::move(projector));
}

AnyPictureEncoder class_encoder(VitLoader& loader) {
  const VitConfig& config = loader.config();
  ClassProjector projector(loader.weights().linear("mm.fc", config.info.width, config.inner));
  PictureOptions<LayerNorm> options;
  options.keeps_rows_before = true;
  return vit_encoder(loader, PatchPlaces::kOwn, std::move(projector), std::move(options));
}

AnyPictureEncoder attention_pool_encoder(VitLoader& loader) {
  const VitConfig& config = loader.config();
  WeightLoader& weights = loader.weights();
  const std::int64_t k = config.inner;
  const std::int64_t f = config.feed_forward;
  if (k != config.info.width) {
    throw FormatError("{}: pictures have vectors of {} elements, but texts of {}",
                      config.reader.metadata().origin(), k, config.info.width);
  }
  weights.split("mm.attn_qkv", {{"mm.attn_q", k}, {"mm.attn_k", k}, {"mm.attn_v", k}});
  ProbeAttention attention(config.attention,
                           WeightVector(weights.floats("mm.probe", Shape{1, 1, k})),
                           weights.linear("mm.attn_q", k, k), weights.linear("mm.attn_k", k, k),
                           weights.linear("mm.attn_v", k, k), weights.linear("mm.attn_out", k, k));
  Mlp mlp(config.activation(), weights.linear("mm.ffn_up", f, k),
          weights.linear("mm.ffn_down", k, f));
  AttentionPool pool(std::move(attention), loader.norm<LayerNorm>("mm.ln"), std::move(mlp));
  return vit_encoder(loader, PatchPlaces::kOwn, std::move(pool));
}

}  // namespace sirocco
