#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/models/model.hpp"
#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/layer_memory.hpp"
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
  std::uint64_t key_products = 0;    ///< of these, those that make keys and values
  std::int64_t attention_width = 0;  ///< elements of all heads
  /// A row [D] for the end of each row of tiles; empty where the family has none (LLaVA-NeXT).
  WeightVector newline = {};

  /// Of one row in one layer, when its keys and values are there, that sees so many others: scores
  /// and what they weigh are two products for each element of a head and pair of rows.
  double forward_products(std::int64_t seen) const {
    return static_cast<double>(layer_products - key_products) +
           2 * static_cast<double>(seen) * static_cast<double>(attention_width);
  }
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

/// EncoderCosts are what a piece takes in products of two numbers, by the row.
struct EncoderCosts {
  double embed = 0;                  ///< a row of its stream
  double remember = 0;               ///< its keys and values in a layer
  std::vector<double> forward = {};  ///< the rest of a layer, of each
  double project = 0;                ///< a row for a language model
};

/// An AnyEncoder is the encoder of some family, once it is known what its rows are: an input whose
/// sequence, costs and number of rows its kind has told (EncoderOf). What is done is done to the
/// rows of the context, a part of that sequence (SequenceRows::part), and its bits don't depend on
/// the cut. Shared, const; one virtual call a part.
class AnyEncoder {
 public:
  const EncoderInfo& info() const { return impl_->info(); }
  /// Room for a sequence of `rows` rows, until the arena gives it back. Throws ResourceExhausted.
  EncoderStream stream(std::int64_t rows, Arena& arena) const { return impl_->stream(rows, arena); }
  /// Rows of the stream from what is read, f32 [I, …] (patches [P, C·p·p], frames [F, bins]) of the
  /// whole sequence.
  void embed(std::span<const float> inputs, EncoderStream& stream,
             TransformContext& context) const {
    impl_->embed(inputs, stream, context);
  }
  /// Keeps the keys and values of rows in a layer.
  void remember(EncoderStream& stream, LayerIndex layer, TransformContext& context) const {
    impl_->remember(stream, layer, context);
  }
  /// Brings rows behind a layer, when all of the sequence are remembered in it.
  void forward(EncoderStream& stream, LayerIndex layer, TransformContext& context) const {
    impl_->forward(stream, layer, context);
  }
  /// What a language model gets of a stream that is behind all layers: f32 [n, D · (1 + deep
  /// stack)], the rows `made` of all. The context's are those of the sequence.
  Hidden project(EncoderStream& stream, RowRange made, TransformContext& context) const {
    return impl_->project(stream, made, context);
  }

 protected:
  struct Interface {
    virtual ~Interface() = default;
    virtual const EncoderInfo& info() const = 0;
    virtual EncoderStream stream(std::int64_t, Arena&) const = 0;
    virtual void embed(std::span<const float>, EncoderStream&, TransformContext&) const = 0;
    virtual void remember(EncoderStream&, LayerIndex, TransformContext&) const = 0;
    virtual void forward(EncoderStream&, LayerIndex, TransformContext&) const = 0;
    virtual Hidden project(EncoderStream&, RowRange, TransformContext&) const = 0;
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
    requires Encodes<E>
  explicit EncoderOf(std::shared_ptr<const E> encoder)
      : EncoderOf(std::shared_ptr<const OwnInterface>(
            std::make_shared<const Impl<E>>(std::move(encoder)))) {}

  const Info& info() const { return impl_->own_info(); }
  /// A piece as the sequence of a step whose context the others want.
  SequenceRows sequence(SequenceId id, Extent extent) const { return impl_->sequence(id, extent); }
  EncoderCosts costs(Extent extent) const { return impl_->costs(extent); }
  /// How many rows become of it for a language model.
  std::int64_t rows(Extent extent) const { return impl_->rows(extent); }
  /// How they lie: those of sound in one line.
  PatchGrid projected(Extent extent) const { return impl_->projected(extent); }

 private:
  struct OwnInterface : Interface {
    virtual const Info& own_info() const = 0;
    virtual SequenceRows sequence(SequenceId, Extent) const = 0;
    virtual EncoderCosts costs(Extent) const = 0;
    virtual std::int64_t rows(Extent) const = 0;
    virtual PatchGrid projected(Extent) const = 0;
  };
  template <class E>
  struct Impl final : OwnInterface {
    explicit Impl(std::shared_ptr<const E> e) : model(std::move(e)) {}
    const EncoderInfo& info() const override { return model->info(); }
    const Info& own_info() const override { return model->info(); }
    EncoderStream stream(std::int64_t rows, Arena& arena) const override {
      return model->stream(rows, arena);
    }
    void embed(std::span<const float> x, EncoderStream& s, TransformContext& c) const override {
      model->embed(x, s, c);
    }
    void remember(EncoderStream& s, LayerIndex layer, TransformContext& c) const override {
      model->remember(s, layer, c);
    }
    void forward(EncoderStream& s, LayerIndex layer, TransformContext& c) const override {
      model->forward(s, layer, c);
    }
    Hidden project(EncoderStream& s, RowRange made, TransformContext& c) const override {
      return model->project(s, made, c);
    }
    SequenceRows sequence(SequenceId id, Extent extent) const override {
      return model->sequence(id, extent);
    }
    EncoderCosts costs(Extent extent) const override { return model->costs(extent); }
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
