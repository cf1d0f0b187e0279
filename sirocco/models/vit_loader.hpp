#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/models/config.hpp"
#include "sirocco/models/picture_encoder.hpp"
#include "sirocco/models/weight_loader.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/projectors.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// A VitBlock is a layer of CLIP's, SigLIP's, Qwen2-VL's and Qwen3-VL's vision transformers.
/// (Dosovitskiy et al. 2021)
using VitBlock = TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;
extern template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;

/// A VitConfig is what a vision transformer is made of, by the keys of llama.cpp's mmproj files and
/// those that folders have besides. Throws FormatError and UnsupportedError naming the key.
struct VitConfig {
  VitConfig(const Metadata& metadata, std::int64_t width);

  /// Of an MLP without a gate, and of one that has one. Files of llama.cpp only tell whether it is
  /// one of two.
  PlainActivation activation() const;
  GateActivation gate_activation() const;
  /// Whether llama.cpp's converter of LLaVA's encoders made it, rather than that of all models.
  bool is_old_llava() const;
  /// The layers behind which rows are wanted, where there are several.
  std::vector<std::int32_t> features() const;
  /// Whole numbers, each of a layer, at least one; nothing where there is no such key.
  std::optional<std::vector<std::int32_t>> layers(std::string_view key) const;
  /// The side of squares of patches that become one row.
  std::int32_t merge_side() const { return reader.dimension_or("vision.spatial_merge_size", 2); }

  ConfigReader reader;
  std::int64_t inner;  ///< K
  std::int64_t feed_forward;
  std::int32_t grid_side;  ///< patches of a side of what it was trained for
  float epsilon;
  PictureEncoderInfo info;
  AttentionConfig attention;
};

/// A VitLoader makes the parts of a vision transformer of a checkpoint's tensors.
class VitLoader {
 public:
  VitLoader(VitConfig config, WeightLoader& loader) : config_(std::move(config)), loader_(loader) {}

  const VitConfig& config() const { return config_; }
  WeightLoader& weights() { return loader_; }

  /// Takes the width inside of MLPs from their tensors, not from the description.
  void measure_mlps();
  /// Has layers turn queries and keys by row and column: angles(P) gives the frequencies of the P
  /// pairs of a head, first those that rows turn. `order` is that of files. Throws FormatError
  /// unless half of the pairs are whole.
  void rotate(std::vector<float> (*angles)(int pairs, float base), RotaryRows order);

  /// With the class token and the positions that there are.
  PatchEmbedding embedding(PatchPlaces places);
  template <class N>
  N norm(std::string_view stem) {
    return loader_.norm<N>(stem, config_.inner, config_.epsilon);
  }
  /// A layer, gated where there is a gate.
  template <class N, class A>
  TransformerBlock<N, A, Mlp> layer(std::int32_t index) {
    using Block = TransformerBlock<N, A, Mlp>;
    typename Block::Norms norms(norm<N>(name(index, "ln1")), norm<N>(name(index, "ln2")));
    AttentionLinears linears = attention(index);
    A attention(config_.attention, std::move(linears.q), std::move(linears.k), std::move(linears.v),
                std::move(linears.o));
    if (rotary_ != nullptr) attention = std::move(attention).with_rotary(rotary_);
    return Block(std::move(norms), std::move(attention), mlp(index));
  }
  /// All layers, of one kind.
  template <class N, class A>
  LayerSchedule<TransformerBlock<N, A, Mlp>> layers() {
    LayerSchedule<TransformerBlock<N, A, Mlp>> out((LayerIndex(0)));
    for (std::int32_t i = 0; i < config_.info.layers; ++i) out.push_back(layer<N, A>(i));
    return out;
  }

  /// The encoder of its parts. Throws UnsupportedError where tensors are left that none has read.
  template <class FinalNorm, Projector P, class... Blocks>
  AnyPictureEncoder encoder(PatchEmbedding embedding, LayerSchedule<Blocks...> layers, P projector,
                            PictureOptions<FinalNorm> options) {
    PictureEncoderInfo info = config_.info;
    for (const std::string_view newline : kNewlines)
      if (loader_.has(newline)) info.newline = loader_.vector(newline, info.width);
    options.rotates = rotary_ != nullptr;
    const std::int64_t k = config_.inner;
    info.layer_products =
        static_cast<std::uint64_t>(4 * k * k + (is_gated(0) ? 3 : 2) * k * config_.feed_forward);
    info.key_products = static_cast<std::uint64_t>(2 * k * k);
    info.deep_stack = static_cast<std::int32_t>(projector.outputs() / info.width - 1);
    loader_.expect_all_read("", info.projector);
    return AnyPictureEncoder(std::make_shared<const PictureEncoder<FinalNorm, P, Blocks...>>(
        std::move(info), std::move(embedding), std::move(layers), std::move(projector),
        std::move(options)));
  }

 private:
  /// Of files of today, and of those of LLaVA's own converter.
  static constexpr std::array<std::string_view, 2> kNewlines = {"v.image_newline",
                                                                "model.image_newline"};
  struct AttentionLinears {
    Linear q, k, v, o;
  };

  static std::string name(std::int32_t layer, std::string_view part);
  AttentionLinears attention(std::int32_t layer);
  bool is_gated(std::int32_t layer) const;
  PlainActivation activation() const;
  Mlp mlp(std::int32_t layer);

  VitConfig config_;
  WeightLoader& loader_;
  std::shared_ptr<const Rotary> rotary_;
  RotaryRows rotary_rows_ = RotaryRows::kHalfSplit;
};

// The families of encoders, by what files of llama.cpp call their projectors.

AnyPictureEncoder mlp_encoder(VitLoader& loader);       ///< LLaVA-1.5, LLaVA-NeXT
AnyPictureEncoder idefics3_encoder(VitLoader& loader);  ///< Idefics3, SmolVLM
AnyPictureEncoder gemma3_encoder(VitLoader& loader);
AnyPictureEncoder class_encoder(VitLoader& loader);  ///< CLIP itself; llama.cpp has no name for it
AnyPictureEncoder attention_pool_encoder(VitLoader& loader);  ///< SigLIP itself; the same
AnyPictureEncoder qwen2_encoder(VitLoader& loader);           ///< Qwen2-VL
AnyPictureEncoder qwen2_5_encoder(VitLoader& loader);         ///< Qwen2.5-VL
AnyPictureEncoder qwen3_encoder(VitLoader& loader);           ///< Qwen3-VL
AnyPictureEncoder pixtral_encoder(VitLoader& loader);         ///< Pixtral, Mistral 3

}  // namespace sirocco
