#include "sirocco/models/autoencoder.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

static_assert(DecodesLatents<VaeDecoder> && EncodesPixels<VaeEncoder>);
static_assert(!DecodesLatents<VaeEncoder> && !EncodesPixels<VaeDecoder>);

SequenceRows rows_of_latents(SequenceId id, PictureExtent latents) {
  return SequenceRows(id, Position(0), latents.pixels()).with_grid({latents.height, latents.width});
}

/// That of the only picture of a step, as its rows have it.
PictureExtent extent_of(const TransformContext& context) {
  const std::vector<SequenceRows>& sequences = context.host_rows().sequences;
  SIROCCO_CHECK(sequences.size() == 1);
  const PatchGrid& grid = sequences.front().grid();
  SIROCCO_CHECK(grid.patches() == context.rows());
  return {grid.rows, grid.columns};
}

/// Factors of each channel, as `scale_channels` takes them.
WeightVector factors(std::int64_t channels, double scale, double shift) {
  std::vector<float> values(static_cast<std::size_t>(channels), static_cast<float>(scale));
  values.resize(2 * values.size(), static_cast<float>(shift));
  return WeightVector(std::move(values));
}

/// x · factors[0] + factors[1] in the context's scratch memory.
Tensor scaled(const Tensor& x, const WeightVector& by, TransformContext& context) {
  const Tensor out = context.scratch().tensor(DType::kF32, {x.rows(), x.columns()});
  context.picture_ops().scale_channels(x, by.tensor().reshaped({2, x.columns()}), false, Out(out));
  return out;
}

}  // namespace

VaeDecoder::VaeDecoder(const AutoencoderConfig& config, std::optional<Linear> mixing,
                       PictureLayers layers)
    : pixels_(config.scale()),
      scale_(factors(config.latent_channels, 1.0 / double{config.scaling_factor},
                     config.shift_factor)),
      mixing_(std::move(mixing)),
      layers_(std::move(layers)) {}

SequenceRows VaeDecoder::sequence(SequenceId id, PictureExtent latents) {
  return rows_of_latents(id, latents);
}

Hidden VaeDecoder::decode(const Tensor& latents, TransformContext& context) const {
  return project(transform(embed(latents, context), LayerIndex(0), LayerIndex(layers()), context),
                 context);
}

PictureStream VaeDecoder::embed(const Tensor& latents, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const PictureExtent extent = extent_of(context);
  SIROCCO_CHECK(latents.rows() == extent.pixels() && latents.columns() == latent_channels());
  Tensor x = scaled(latents, scale_, context);
  if (mixing_) x = mixing_->forward({.f32 = x, .q8 = {}}, context);
  return layers_.embed(x, extent, context);
}

Hidden VaeDecoder::project(PictureStream stream, TransformContext& context) const {
  return Hidden(context, {.f32 = layers_.project(std::move(stream), context), .q8 = {}});
}

VaeEncoder::VaeEncoder(const AutoencoderConfig& config, std::optional<Linear> mixing,
                       PictureLayers layers)
    : pixels_(config.scale()),
      scale_(factors(config.latent_channels, config.scaling_factor,
                     -double{config.scaling_factor} * double{config.shift_factor})),
      mixing_(std::move(mixing)),
      layers_(std::move(layers)) {}

SequenceRows VaeEncoder::sequence(SequenceId id, PictureExtent latents) {
  return rows_of_latents(id, latents);
}

Hidden VaeEncoder::moments(const Tensor& pixels, TransformContext& context) const {
  return project(transform(embed(pixels, context), LayerIndex(0), LayerIndex(layers()), context),
                 context);
}

PictureStream VaeEncoder::embed(const Tensor& pixels, TransformContext& context) const {
  const Arena::Scope scope(context.scratch());
  const PictureExtent extent = pixels_of(extent_of(context));
  SIROCCO_CHECK(pixels.rows() == extent.pixels());
  return layers_.embed(pixels, extent, context);
}

Hidden VaeEncoder::project(PictureStream stream, TransformContext& context) const {
  Tensor out = layers_.project(std::move(stream), context);
  if (mixing_) {
    const Tensor mixed = context.held().tensor(DType::kF32, {out.rows(), mixing_->outputs()});
    const Arena::Scope scope(context.scratch());
    mixing_->forward({.f32 = out, .q8 = {}}, Out(mixed), context);
    out = mixed;
  }
  return Hidden(context, {.f32 = out, .q8 = {}});
}

Hidden VaeEncoder::latents(const Tensor& moments, const Tensor& noise,
                           TransformContext& context) const {
  SIROCCO_CHECK(moments.columns() == 2 * latent_channels());
  const Tensor out = context.held().tensor(DType::kF32, {moments.rows(), latent_channels()});
  if (noise) {
    SIROCCO_CHECK(noise.rows() == out.rows() && noise.columns() == out.columns());
    context.picture_ops().draw(moments, noise, Out(out));
  } else {
    context.ops().copy_columns(moments, 0, latent_channels(), Out(out), 0);
  }
  context.picture_ops().scale_channels(out, scale_.tensor().reshaped({2, latent_channels()}), false,
                                       Out(out));
  return Hidden(context, {.f32 = out, .q8 = {}});
}

}  // namespace sirocco
