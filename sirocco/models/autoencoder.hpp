#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/models/model.hpp"
#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/picture_layers.hpp"

namespace sirocco {

/// An AutoencoderConfig is what the two halves of a variational autoencoder of pictures are made
/// of, by the members of diffusers' config.json of an AutoencoderKL.
struct AutoencoderConfig {
  /// What a member that is left out means is what it means to diffusers, but for a `shift_factor`
  /// that isn't there or null, which is 0. Throws FormatError and UnsupportedError naming the
  /// member.
  explicit AutoencoderConfig(const Metadata& metadata);

  /// Pixels of a side of what becomes one row of latents.
  std::int32_t scale() const { return std::int32_t{1} << (channels.size() - 1); }

  std::vector<std::int64_t> channels;  ///< of each level, from the pixels' on
  std::int32_t layers_per_level;       ///< of the encoder; the decoder has one more
  std::int64_t groups;                 ///< of norms
  std::int64_t latent_channels;        ///< L
  std::int64_t picture_channels;
  float scaling_factor;
  float shift_factor;
  bool mixes_moments;  ///< a product of each row of moments, `quant_conv`
  bool mixes_latents;  ///< the same of latents, `post_quant_conv`
  bool has_attention;
};

/// A VaeDecoder makes pixels of latents: of rows as a denoiser has them, which it scales and shifts
/// itself, f32 [h · w, L], a picture f32 [s·h · s·w, 3] whose colours are -1 to 1 and a little
/// beyond. One picture a context: a sequence of `sequence(…)`. (Kingma & Welling 2014; Rombach et
/// al. 2022)
class VaeDecoder {
 public:
  VaeDecoder(const AutoencoderConfig& config, std::optional<Linear> mixing, PictureLayers layers);

  std::int64_t latent_channels() const { return scale_.size() / 2; }
  std::int32_t scale() const { return pixels_; }  ///< s
  std::int32_t layers() const { return layers_.layers(); }
  /// What a layer costs for latents with that extent, in products of two numbers.
  double products(PictureExtent latents, LayerIndex layer) const {
    return layers_.products(latents, layer);
  }
  /// Bytes of the stream of latents with that extent, and of the scratch memory of its steps.
  std::uint64_t stream_bytes(PictureExtent latents) const {
    return layers_.places(latents).bytes();
  }
  std::uint64_t scratch_bytes(PictureExtent latents) const {
    return layers_.scratch_bytes(latents);
  }
  /// The rows of the step whose context the others want.
  static SequenceRows sequence(SequenceId id, PictureExtent latents);

  /// All of it: f32 [s·h · s·w, 3].
  Hidden decode(const Tensor& latents, TransformContext& context) const;
  /// The latents on their way. Throws ResourceExhausted.
  PictureStream embed(const Tensor& latents, TransformContext& context) const;
  /// They behind the layers [begin, end), which may be done in several steps.
  PictureStream transform(PictureStream stream, LayerIndex begin, LayerIndex end,
                          TransformContext& context) const {
    return layers_.transform(std::move(stream), begin, end, context);
  }
  /// The pixels, once they are behind all layers.
  Hidden project(PictureStream stream, TransformContext& context) const;

 private:
  std::int32_t pixels_;
  WeightVector scale_;  // [2, L]
  std::optional<Linear> mixing_;
  PictureLayers layers_;
};

/// A VaeEncoder makes of pixels, f32 [s·h · s·w, 3] from -1 to 1, moments of latents, f32 [h · w,
/// 2 · L]: means, then logarithms of variances. Contexts are as a VaeDecoder's.
class VaeEncoder {
 public:
  VaeEncoder(const AutoencoderConfig& config, std::optional<Linear> mixing, PictureLayers layers);

  std::int64_t latent_channels() const { return scale_.size() / 2; }
  std::int32_t scale() const { return pixels_; }  ///< s
  std::int32_t layers() const { return layers_.layers(); }
  /// As of a VaeDecoder, for latents with that extent.
  double products(PictureExtent latents, LayerIndex layer) const {
    return layers_.products(pixels_of(latents), layer);
  }
  std::uint64_t stream_bytes(PictureExtent latents) const {
    return layers_.places(pixels_of(latents)).bytes();
  }
  std::uint64_t scratch_bytes(PictureExtent latents) const {
    return layers_.scratch_bytes(pixels_of(latents));
  }
  static SequenceRows sequence(SequenceId id, PictureExtent latents);

  /// All of it: f32 [h · w, 2 · L].
  Hidden moments(const Tensor& pixels, TransformContext& context) const;
  PictureStream embed(const Tensor& pixels, TransformContext& context) const;
  PictureStream transform(PictureStream stream, LayerIndex begin, LayerIndex end,
                          TransformContext& context) const {
    return layers_.transform(std::move(stream), begin, end, context);
  }
  Hidden project(PictureStream stream, TransformContext& context) const;

  /// Latents as a denoiser has them, scaled and shifted, f32 [h · w, L]: drawn with `noise`, f32 [h
  /// · w, L], or the means where that is empty.
  Hidden latents(const Tensor& moments, const Tensor& noise, TransformContext& context) const;

 private:
  PictureExtent pixels_of(PictureExtent latents) const {
    return {pixels_ * latents.height, pixels_ * latents.width};
  }

  std::int32_t pixels_;
  WeightVector scale_;  // [2, L]
  std::optional<Linear> mixing_;
  PictureLayers layers_;
};

/// The function presents the weights of an AutoencoderKL by diffusers' names of today, whichever
/// they have: kernels of 3 x 3 as [N, 9, C], those of single pixels as [N, C] in F32, so that no
/// product rounds its input, as those of a tier may where weights are BF16. Throws UnsupportedError
/// for tensors of neither half.
std::shared_ptr<const WeightSource> canonical_autoencoder(
    std::shared_ptr<const WeightSource> weights);

/// The halves of the AutoencoderKL that a folder of diffusers holds ("config.block_out_channels",
/// "decoder.conv_in.weight"). Only the tensors of that half are read. Throws as AutoencoderConfig,
/// and FormatError for tensors that are missing or don't fit, UnsupportedError for those that it
/// doesn't know, ResourceExhausted.
std::shared_ptr<const VaeDecoder> make_vae_decoder(const Metadata& metadata,
                                                   std::shared_ptr<const WeightSource> weights,
                                                   WeightPacker& packer,
                                                   LoadProgress progress = {});
std::shared_ptr<const VaeEncoder> make_vae_encoder(const Metadata& metadata,
                                                   std::shared_ptr<const WeightSource> weights,
                                                   WeightPacker& packer,
                                                   LoadProgress progress = {});

}  // namespace sirocco
