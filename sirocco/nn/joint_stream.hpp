#pragma once

#include <cstdint>
#include <span>

#include "sirocco/nn/layer_memory.hpp"
#include "sirocco/nn/transform_context.hpp"

namespace sirocco {

/// A DenoisingCondition is what a denoising step depends on besides its rows.
struct DenoisingCondition {
  std::span<const float> pooled = {};  ///< [pooled width], a row for the whole text
  float time = 0;                      ///< how much of the latents is noise, from 0 to 1
  float guidance = 0;  ///< how closely to follow the text; not read by models without
};

/// A JointStream is the rows of a text and, behind them, those of a picture on their way through a
/// transformer in which all see each other: what a part of them leaves to the next.
struct JointStream : EncoderStream {
  /// Room for so many rows [D], a condition [1, D] and `modulations` rows of it. Borrows the arena
  /// as LayerMemory does. Throws ResourceExhausted.
  JointStream(std::int64_t text_rows, std::int64_t picture_rows, std::int64_t width,
              std::int64_t modulations, Arena& arena)
      : EncoderStream(text_rows + picture_rows, width, 0, arena),
        text(text_rows),
        condition(arena.tensor(DType::kF32, {1, width})),
        modulation(arena.tensor(DType::kF32, {modulations, width})) {}

  std::int64_t text;  ///< rows of the text
  Tensor condition;   ///< f32 [1, D], behind its activation
  Tensor modulation;  ///< f32 [M, D]: of the layer that it is in
};

/// Some of the rows of a JointStream, which are the context's: those of the text and those of the
/// picture.
struct JointRows {
  JointRows(const JointStream& stream, const TransformContext& context);

  std::int64_t first;    ///< of the stream's
  std::int64_t text;     ///< how many of the text
  std::int64_t picture;  ///< how many of the picture, behind these
  std::int64_t count() const { return text + picture; }
  /// A tensor's rows for these, [count(), …], as those of the text and of the picture.
  Tensor of_text(const Tensor& x) const { return x.slice_rows(0, text); }
  Tensor of_picture(const Tensor& x) const { return x.slice_rows(text, picture); }
};

}  // namespace sirocco
