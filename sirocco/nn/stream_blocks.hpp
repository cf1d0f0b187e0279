#pragma once

#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/joint_attention.hpp"
#include "sirocco/nn/joint_stream.hpp"
#include "sirocco/nn/modulation.hpp"

namespace sirocco {

// The layers of diffusion transformers that read a text and a picture as one sequence (Esser et al.
// 2024; Black Forest Labs, FLUX.1). Everything is done to the context's rows, a part of the stream,
// so that a layer of a large picture can be cut at any row: modulate once, remember all rows, then
// bring them forward. The bits are those of any other cut.

/// A DoubleStreamBlock has weights of its own for the rows of the text and for those of the
/// picture: x += gate · o(attention(n(x))); x += gate · mlp(n(x)), where n is modulated.
class DoubleStreamBlock {
 public:
  /// What one kind of rows goes through.
  struct Side {
    Modulation modulation;
    StreamProjections projections;
    Linear output;
    Mlp mlp;
  };
  /// Throws InvalidArgument when the dimensions don't fit.
  DoubleStreamBlock(JointAttention attention, Side text, Side picture);

  /// Rows of modulations of a layer.
  std::int64_t modulations() const { return text_.modulation.rows() + picture_.modulation.rows(); }
  void modulate(JointStream& stream, TransformContext& context) const;
  void remember(JointStream& stream, TransformContext& context) const;
  void forward(JointStream& stream, TransformContext& context) const;

 private:
  Tensor modulation_of(const JointStream& stream, const Side& side) const;

  JointAttention attention_;
  Side text_;
  Side picture_;
};

/// A SingleStreamBlock has the same weights for all rows, and its feed-forward beside the
/// attention: x += gate · o([attention(n(x)), activation(up(n(x)))]).
class SingleStreamBlock {
 public:
  /// `output` reads what was attended and, behind it, what the feed-forward made. Throws
  /// InvalidArgument when the dimensions don't fit.
  SingleStreamBlock(JointAttention attention, Modulation modulation, StreamProjections projections,
                    Linear up, PlainActivation activation, Linear output);

  std::int64_t modulations() const { return modulation_.rows(); }
  void modulate(JointStream& stream, TransformContext& context) const;
  void remember(JointStream& stream, TransformContext& context) const;
  void forward(JointStream& stream, TransformContext& context) const;

 private:
  JointAttention attention_;
  Modulation modulation_;
  StreamProjections projections_;
  Linear up_;
  PlainActivation activation_;
  Linear output_;
};

}  // namespace sirocco
