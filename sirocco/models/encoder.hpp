#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "sirocco/models/model.hpp"
#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// An EncoderInfo is what there is to know of an encoder of pictures besides its weights.
struct EncoderInfo {
  std::string projector;  ///< as llama.cpp calls it: "mlp", "idefics3", "gemma3"
  std::int32_t layers = 0;
  std::int64_t channels = 3;
  std::int32_t patch = 0;      ///< pixels of a patch's side
  std::int32_t grid_side = 0;  ///< patches of a side of what it was trained for
  std::int64_t width = 0;      ///< the language model's D
  /// How many rows of that width each row has besides: to be added behind the language model's
  /// first layers, one each.
  std::int32_t deep_stack = 0;
  std::uint64_t layer_products = 0;  ///< of one row in one layer, with weights
  std::int64_t attention_width = 0;  ///< elements of all heads
  /// A row [D] for the end of each row of tiles; empty where the family has none (LLaVA-NeXT).
  WeightVector newline = {};

  /// Elements of a patch's row.
  std::int64_t inputs() const { return channels * patch * patch; }
  /// Elements of a row that it makes.
  std::int64_t row_width() const { return width * (1 + deep_stack); }
};

/// An AnyEncoder is the encoder of some family. Shared, const; one virtual call a piece of work.
class AnyEncoder {
 public:
  template <class E>
    requires EncodesByLayers<E>
  explicit AnyEncoder(std::shared_ptr<const E> encoder)
      : impl_(std::make_shared<Impl<E>>(std::move(encoder))) {}

  const EncoderInfo& info() const { return impl_->info(); }
  /// A picture of that grid, or a tile, as the sequence of a step whose context the others want.
  SequenceRows sequence(SequenceId id, PatchGrid grid) const { return impl_->sequence(id, grid); }
  /// What it costs in a layer, in products of two numbers.
  double products(PatchGrid grid, LayerIndex layer) const { return impl_->products(grid, layer); }
  /// The residual stream of patches, f32 [P, C·p·p] to [T, K]: T is P and the rows before them of
  /// each sequence.
  Hidden embed(const Tensor& patches, TransformContext& context) const {
    return impl_->embed(patches, context);
  }
  /// It behind the layers [begin, end).
  Hidden transform(Hidden hidden, LayerIndex begin, LayerIndex end,
                   TransformContext& context) const {
    return impl_->transform(std::move(hidden), begin, end, context);
  }
  /// What a language model gets of it, once it is behind all layers: f32 [R, D · (1 + deep stack)],
  /// sequence by sequence as many as `rows` says of its grid.
  Hidden project(Hidden hidden, TransformContext& context) const {
    return impl_->project(std::move(hidden), context);
  }
  std::int64_t rows(PatchGrid grid) const { return impl_->rows(grid); }
  /// How those lie that are made of patches.
  PatchGrid projected(PatchGrid grid) const { return impl_->projected(grid); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual const EncoderInfo& info() const = 0;
    virtual Hidden embed(const Tensor&, TransformContext&) const = 0;
    virtual Hidden transform(Hidden, LayerIndex, LayerIndex, TransformContext&) const = 0;
    virtual Hidden project(Hidden, TransformContext&) const = 0;
    virtual SequenceRows sequence(SequenceId, PatchGrid) const = 0;
    virtual double products(PatchGrid, LayerIndex) const = 0;
    virtual std::int64_t rows(PatchGrid) const = 0;
    virtual PatchGrid projected(PatchGrid) const = 0;
  };
  template <class E>
  struct Impl final : Interface {
    explicit Impl(std::shared_ptr<const E> e) : model(std::move(e)) {}
    const EncoderInfo& info() const override { return model->info(); }
    Hidden embed(const Tensor& p, TransformContext& c) const override { return model->embed(p, c); }
    Hidden transform(Hidden h, LayerIndex b, LayerIndex e, TransformContext& c) const override {
      return model->transform(std::move(h), b, e, c);
    }
    Hidden project(Hidden h, TransformContext& c) const override {
      return model->project(std::move(h), c);
    }
    SequenceRows sequence(SequenceId id, PatchGrid grid) const override {
      return model->sequence(id, grid);
    }
    double products(PatchGrid grid, LayerIndex layer) const override {
      return model->products(grid, layer);
    }
    std::int64_t rows(PatchGrid grid) const override { return model->rows(grid); }
    PatchGrid projected(PatchGrid grid) const override { return model->projected(grid); }
    std::shared_ptr<const E> model;
  };
  std::shared_ptr<const Interface> impl_;
};

/// The encoder that a checkpoint describes in the words of llama.cpp's mmproj files
/// (canonical_encoder). `width` is the language model's D. Throws UnsupportedError for a projector
/// that isn't known, listing those that are, and for tensors that no part reads; FormatError for
/// what is missing or doesn't fit; ResourceExhausted.
AnyEncoder make_encoder(const Metadata& metadata, const WeightSource& weights, WeightPacker& packer,
                        std::int64_t width, LoadProgress progress = {});

}  // namespace sirocco
