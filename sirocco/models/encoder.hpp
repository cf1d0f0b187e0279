#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "sirocco/models/model.hpp"
#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// An EncoderInfo is what there is to know of an encoder besides its weights, whatever it encodes.
struct EncoderInfo {
  std::string projector;  ///< as llama.cpp calls it: "mlp", "idefics3", "qwen2a"
  std::int32_t layers = 0;
  std::int64_t width = 0;  ///< the language model's D
  /// How many rows of that width each row has besides: to be added behind the language model's
  /// first layers, one each.
  std::int32_t deep_stack = 0;
  std::uint64_t layer_products = 0;  ///< of one row in one layer, with weights
  std::int64_t attention_width = 0;  ///< elements of all heads
  /// A row [D] for the end of each row of tiles; empty where the family has none (LLaVA-NeXT).
  WeightVector newline = {};

  /// Elements of a row that it makes.
  std::int64_t row_width() const { return width * (1 + deep_stack); }
};

/// A PictureEncoderInfo is that of an encoder of pictures.
struct PictureEncoderInfo : EncoderInfo {
  std::int64_t channels = 3;
  std::int32_t patch = 0;  ///< pixels of a patch's side

  /// Elements of a patch's row.
  std::int64_t inputs() const { return channels * patch * patch; }
};

/// A SoundEncoderInfo is that of an encoder of sound.
struct SoundEncoderInfo : EncoderInfo {
  std::int32_t bins = 0;       ///< bands of a log-mel frame
  std::int32_t positions = 0;  ///< rows of a whole window, each of two frames

  /// Frames of a whole window.
  std::int64_t window_frames() const { return 2 * std::int64_t{positions}; }
};

/// A WindowExtent is how much is heard of a window of sound: rows, each of two frames.
struct WindowExtent {
  std::int32_t rows = 0;
  friend bool operator==(const WindowExtent&, const WindowExtent&) = default;
};

/// An AnyEncoder is the encoder of some family, once it is known what its rows are: an input whose
/// sequence, costs and number of rows its kind has told (EncoderOf). Shared, const; one virtual
/// call a piece of work.
class AnyEncoder {
 public:
  const EncoderInfo& info() const { return impl_->info(); }
  /// The residual stream of what is read, f32 [I, …] (patches [P, C·p·p], frames [F, bins]), to
  /// [T, K]: T is the rows of the context's sequences.
  Hidden embed(const Tensor& inputs, TransformContext& context) const {
    return impl_->embed(inputs, context);
  }
  /// It behind the layers [begin, end).
  Hidden transform(Hidden hidden, LayerIndex begin, LayerIndex end,
                   TransformContext& context) const {
    return impl_->transform(std::move(hidden), begin, end, context);
  }
  /// What a language model gets of it, once it is behind all layers: f32 [R, D · (1 + deep stack)],
  /// sequence by sequence.
  Hidden project(Hidden hidden, TransformContext& context) const {
    return impl_->project(std::move(hidden), context);
  }

 protected:
  struct Interface {
    virtual ~Interface() = default;
    virtual const EncoderInfo& info() const = 0;
    virtual Hidden embed(const Tensor&, TransformContext&) const = 0;
    virtual Hidden transform(Hidden, LayerIndex, LayerIndex, TransformContext&) const = 0;
    virtual Hidden project(Hidden, TransformContext&) const = 0;
  };
  explicit AnyEncoder(std::shared_ptr<const Interface> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Interface> impl_;
};

/// An EncoderOf is the encoder of some family that reads pieces of a certain kind. `Extent` says
/// how large a piece is.
template <class Info, class Extent>
class EncoderOf : public AnyEncoder {
 public:
  template <class E>
    requires EncodesByLayers<E>
  explicit EncoderOf(std::shared_ptr<const E> encoder)
      : EncoderOf(std::make_shared<const Impl<E>>(std::move(encoder))) {}

  const Info& info() const { return impl_->own_info(); }
  /// A piece as the sequence of a step whose context the others want.
  SequenceRows sequence(SequenceId id, Extent extent) const { return impl_->sequence(id, extent); }
  /// What it costs in a layer, in products of two numbers.
  double products(Extent extent, LayerIndex layer) const { return impl_->products(extent, layer); }
  /// How many rows become of it for a language model.
  std::int64_t rows(Extent extent) const { return impl_->rows(extent); }
  /// How they lie: those of sound in one line.
  PatchGrid projected(Extent extent) const { return impl_->projected(extent); }

 private:
  struct OwnInterface : Interface {
    virtual const Info& own_info() const = 0;
    virtual SequenceRows sequence(SequenceId, Extent) const = 0;
    virtual double products(Extent, LayerIndex) const = 0;
    virtual std::int64_t rows(Extent) const = 0;
    virtual PatchGrid projected(Extent) const = 0;
  };
  template <class E>
  struct Impl final : OwnInterface {
    explicit Impl(std::shared_ptr<const E> e) : model(std::move(e)) {}
    const EncoderInfo& info() const override { return model->info(); }
    const Info& own_info() const override { return model->info(); }
    Hidden embed(const Tensor& x, TransformContext& c) const override { return model->embed(x, c); }
    Hidden transform(Hidden h, LayerIndex b, LayerIndex e, TransformContext& c) const override {
      return model->transform(std::move(h), b, e, c);
    }
    Hidden project(Hidden h, TransformContext& c) const override {
      return model->project(std::move(h), c);
    }
    SequenceRows sequence(SequenceId id, Extent extent) const override {
      return model->sequence(id, extent);
    }
    double products(Extent extent, LayerIndex layer) const override {
      return model->products(extent, layer);
    }
    std::int64_t rows(Extent extent) const override { return model->rows(extent); }
    PatchGrid projected(Extent extent) const override {
      if constexpr (std::same_as<Extent, PatchGrid>)
        return model->projected(extent);
      else
        return {1, static_cast<std::int32_t>(model->rows(extent))};
    }
    std::shared_ptr<const E> model;
  };
  explicit EncoderOf(std::shared_ptr<const OwnInterface> impl)
      : AnyEncoder(impl), impl_(std::move(impl)) {}

  std::shared_ptr<const OwnInterface> impl_;
};

/// One of pictures: a piece is a picture, or a tile of one.
using AnyPictureEncoder = EncoderOf<PictureEncoderInfo, PatchGrid>;
/// One of sound: a piece is a window.
using AnySoundEncoder = EncoderOf<SoundEncoderInfo, WindowExtent>;

/// An Encoders is what a model sees and hears with: one of them at least.
class Encoders {
 public:
  explicit Encoders(AnyPictureEncoder pictures) : pictures_(std::move(pictures)) {}
  explicit Encoders(AnySoundEncoder sounds) : sounds_(std::move(sounds)) {}
  Encoders(AnyPictureEncoder pictures, AnySoundEncoder sounds)
      : pictures_(std::move(pictures)), sounds_(std::move(sounds)) {}

  /// Null where there is none.
  const AnyPictureEncoder* pictures() const { return pictures_ ? &*pictures_ : nullptr; }
  const AnySoundEncoder* sounds() const { return sounds_ ? &*sounds_ : nullptr; }

 private:
  std::optional<AnyPictureEncoder> pictures_;
  std::optional<AnySoundEncoder> sounds_;
};

/// The encoder of pictures, or of sound, that a checkpoint describes in the words of llama.cpp's
/// mmproj files (canonical_encoder). `width` is the language model's D. Throws UnsupportedError for
/// a projector that isn't known, listing those that are, and for tensors that no part reads;
/// FormatError for what is missing or doesn't fit; ResourceExhausted.
AnyPictureEncoder make_picture_encoder(const Metadata& metadata, const WeightSource& weights,
                                       WeightPacker& packer, std::int64_t width,
                                       LoadProgress progress = {});
AnySoundEncoder make_sound_encoder(const Metadata& metadata, const WeightSource& weights,
                                   WeightPacker& packer, std::int64_t width,
                                   LoadProgress progress = {});

}  // namespace sirocco
