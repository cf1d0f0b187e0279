#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/joint_stream.hpp"

namespace sirocco {

/// A DenoiserInfo is what there is to know of a denoiser besides its weights.
struct DenoiserInfo {
  std::int32_t layers = 0;
  std::int64_t width = 0;         ///< D
  std::int64_t inputs = 0;        ///< elements of a patch of latents, as it is read and made
  std::int64_t text_width = 0;    ///< of the rows of a text
  std::int64_t pooled_width = 0;  ///< of the row that stands for a whole text
  bool guided = false;            ///< whether it reads how closely to follow the text
};

/// DenoiserCosts are what a denoising step takes in products of two numbers.
struct DenoiserCosts {
  double embed = 0;     ///< a row
  double modulate = 0;  ///< a layer, whatever its rows
  double remember = 0;  ///< a row in a layer
  double forward = 0;   ///< the rest of it
  double project = 0;   ///< a row
};

/// An AnyDenoiser is the transformer of some family that Denoises. Shared, const; one virtual call
/// a part.
class AnyDenoiser {
 public:
  template <class D>
    requires Denoises<D>
  explicit AnyDenoiser(std::shared_ptr<const D> denoiser)
      : impl_(std::make_shared<const Impl<D>>(std::move(denoiser))) {}

  const DenoiserInfo& info() const { return impl_->info(); }
  /// Room for a text of so many rows and a picture of such patches, until the arena gives it back.
  /// Throws ResourceExhausted.
  JointStream stream(std::int64_t text_rows, PatchGrid grid, Arena& arena) const {
    return impl_->stream(text_rows, grid, arena);
  }
  /// Their rows as the sequence of a step, whose parts the others want as the context's.
  SequenceRows sequence(SequenceId id, std::int64_t text_rows, PatchGrid grid) const {
    return impl_->sequence(id, text_rows, grid);
  }
  DenoiserCosts costs(std::int64_t text_rows, PatchGrid grid) const {
    return impl_->costs(text_rows, grid);
  }

  void condition(const DenoisingCondition& by, JointStream& stream,
                 TransformContext& context) const {
    impl_->condition(by, stream, context);
  }
  void embed(std::span<const float> text, std::span<const float> latents, JointStream& stream,
             TransformContext& context) const {
    impl_->embed(text, latents, stream, context);
  }
  void modulate(JointStream& stream, LayerIndex layer, TransformContext& context) const {
    impl_->modulate(stream, layer, context);
  }
  void remember(JointStream& stream, LayerIndex layer, TransformContext& context) const {
    impl_->remember(stream, layer, context);
  }
  void forward(JointStream& stream, LayerIndex layer, TransformContext& context) const {
    impl_->forward(stream, layer, context);
  }
  /// f32 [n, inputs]
  Hidden project(JointStream& stream, RowRange made, TransformContext& context) const {
    return impl_->project(stream, made, context);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual const DenoiserInfo& info() const = 0;
    virtual JointStream stream(std::int64_t, PatchGrid, Arena&) const = 0;
    virtual SequenceRows sequence(SequenceId, std::int64_t, PatchGrid) const = 0;
    virtual DenoiserCosts costs(std::int64_t, PatchGrid) const = 0;
    virtual void condition(const DenoisingCondition&, JointStream&, TransformContext&) const = 0;
    virtual void embed(std::span<const float>, std::span<const float>, JointStream&,
                       TransformContext&) const = 0;
    virtual void modulate(JointStream&, LayerIndex, TransformContext&) const = 0;
    virtual void remember(JointStream&, LayerIndex, TransformContext&) const = 0;
    virtual void forward(JointStream&, LayerIndex, TransformContext&) const = 0;
    virtual Hidden project(JointStream&, RowRange, TransformContext&) const = 0;
  };
  template <class D>
  struct Impl final : Interface {
    explicit Impl(std::shared_ptr<const D> d) : model(std::move(d)) {}
    const DenoiserInfo& info() const override { return model->info(); }
    JointStream stream(std::int64_t text, PatchGrid grid, Arena& arena) const override {
      return model->stream(text, grid, arena);
    }
    SequenceRows sequence(SequenceId id, std::int64_t text, PatchGrid grid) const override {
      return model->sequence(id, text, grid);
    }
    DenoiserCosts costs(std::int64_t text, PatchGrid grid) const override {
      return model->costs(text, grid);
    }
    void condition(const DenoisingCondition& by, JointStream& s,
                   TransformContext& c) const override {
      model->condition(by, s, c);
    }
    void embed(std::span<const float> text, std::span<const float> latents, JointStream& s,
               TransformContext& c) const override {
      model->embed(text, latents, s, c);
    }
    void modulate(JointStream& s, LayerIndex layer, TransformContext& c) const override {
      model->modulate(s, layer, c);
    }
    void remember(JointStream& s, LayerIndex layer, TransformContext& c) const override {
      model->remember(s, layer, c);
    }
    void forward(JointStream& s, LayerIndex layer, TransformContext& c) const override {
      model->forward(s, layer, c);
    }
    Hidden project(JointStream& s, RowRange made, TransformContext& c) const override {
      return model->project(s, made, c);
    }
    std::shared_ptr<const D> model;
  };

  std::shared_ptr<const Interface> impl_;
};

/// The denoiser that a checkpoint describes, in the words of the GGUF files of its family. Throws
/// UnsupportedError for an architecture that isn't known and for tensors that no part reads;
/// FormatError for what is missing or doesn't fit; ResourceExhausted.
AnyDenoiser make_denoiser(const ModelSources& from);

}  // namespace sirocco
