#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/denoiser.hpp"
#include "sirocco/nn/stream_blocks.hpp"

namespace sirocco {

/// A TimeEmbedding makes a row of a number, such as the time of a step: cosines and sines of it at
/// many frequencies through an Mlp. (Ho et al. 2020)
class TimeEmbedding {
 public:
  /// Throws InvalidArgument unless `mlp` reads `inputs`, an even number.
  TimeEmbedding(std::int64_t inputs, Mlp mlp);

  /// f32 [1, D], in the context's scratch memory.
  Tensor forward(float number, TransformContext& context) const;

 private:
  std::vector<float> frequencies_;
  Mlp mlp_;
};

/// FLUX.1's transformer: layers with two streams, then layers with one. (Black Forest Labs 2024)
class FluxTransformer {
 public:
  struct Embedders {
    Linear picture;
    Linear text;
    TimeEmbedding time;
    std::optional<TimeEmbedding> guidance;
    Mlp pooled;
  };
  struct End {
    Modulation modulation;
    Linear output;
  };
  FluxTransformer(DenoiserInfo info, Embedders embedders, std::vector<DoubleStreamBlock> doubles,
                  std::vector<SingleStreamBlock> singles, End end);

  const DenoiserInfo& info() const { return info_; }
  JointStream stream(std::int64_t text_rows, PatchGrid grid, Arena& arena) const;
  /// Rows of a text stand at the origin, those of a picture in its plane.
  SequenceRows sequence(SequenceId id, std::int64_t text_rows, PatchGrid grid) const;
  DenoiserCosts costs(std::int64_t text_rows, PatchGrid grid) const;

  void condition(const DenoisingCondition& by, JointStream& stream,
                 TransformContext& context) const;
  void embed(std::span<const float> text, std::span<const float> latents, JointStream& stream,
             TransformContext& context) const;
  void modulate(JointStream& stream, LayerIndex layer, TransformContext& context) const;
  void remember(JointStream& stream, LayerIndex layer, TransformContext& context) const;
  void forward(JointStream& stream, LayerIndex layer, TransformContext& context) const;
  Hidden project(JointStream& stream, RowRange made, TransformContext& context) const;

 private:
  /// Calls `body` with the block of that layer.
  template <class Body>
  void with_block(LayerIndex layer, Body body) const;

  DenoiserInfo info_;
  Embedders embedders_;
  std::vector<DoubleStreamBlock> doubles_;
  std::vector<SingleStreamBlock> singles_;
  End end_;
};

extern const FolderSchema kFluxFolder;
AnyDenoiser make_flux(const ModelSources& from);

}  // namespace sirocco
