#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/models/encoder.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/pipeline/prompt.hpp"

namespace sirocco {

/// What it costs to encode, in products of two numbers.
using EncoderCost = double;

/// A picture, or a tile of one, as an encoder reads it.
struct EncoderTile {
  PatchGrid grid;
  /// f32 [grid.patches(), C·p·p]: patches row by row; in each, channel by channel, its rows.
  std::vector<float> patches;
};

/// Cuts planes f32 [C, height, width] into patches of `patch` a side. Throws InvalidArgument unless
/// there is at least one and they fill the planes.
EncoderTile cut_into_patches(std::span<const float> planes, std::int64_t channels,
                             std::int64_t height, std::int64_t width, std::int64_t patch);

/// A window of sound, as an encoder reads it.
struct EncoderWindow {
  WindowExtent extent;
  /// Log-mel frames f32 [F, bins]: two a row of the extent, and perhaps some behind, which its last
  /// rows' convolutions see.
  std::vector<float> frames;
};

/// An EncoderPiece is what goes through an encoder by itself: a tile of a picture, or a window of
/// sound.
struct EncoderPiece {
  SequenceRows sequence;           ///< all of it
  std::vector<float> values = {};  ///< f32 [I, …], what it is read from
  std::int64_t rows = 0;           ///< that become of it for a language model
  PatchGrid row_grid = {};         ///< how these lie: those of sound in one line
  EncoderCosts costs = {};

  EncoderCost cost() const;  ///< of all of it
};

/// An EncoderInput is a picture or a sound for an encoder, in pieces. Immutable.
class EncoderInput {
 public:
  /// Both throw InvalidArgument unless there are pieces, which the encoder can read.
  EncoderInput(const AnyPictureEncoder& encoder, std::vector<EncoderTile> tiles);
  EncoderInput(const AnySoundEncoder& encoder, std::vector<EncoderWindow> windows);

  const AnyEncoder& encoder() const { return encoder_; }
  const std::vector<EncoderPiece>& pieces() const { return pieces_; }
  /// What becomes of all pieces, one behind another.
  std::int64_t rows() const { return first_rows_.back(); }
  std::int64_t first_row(std::size_t piece) const { return first_rows_[piece]; }
  /// Elements of such a row.
  std::int64_t width() const { return encoder_.info().row_width(); }
  /// Whether the encoder has a row for the end of a row of tiles.
  bool has_newline() const { return static_cast<bool>(encoder_.info().newline); }
  EncoderCost cost() const;  ///< of all pieces
  /// Equal for equal pieces of one kind: SHA-256 of them.
  const EmbeddingKey& key() const { return key_; }

 private:
  template <class Encoder, class Extent>
  void add(const Encoder& encoder, const Extent& extent, std::vector<float> values);

  AnyEncoder encoder_;
  std::vector<EncoderPiece> pieces_;
  std::vector<std::int64_t> first_rows_;
  EmbeddingKey key_;
};

}  // namespace sirocco
