#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/models/encoder.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/pipeline/prompt.hpp"

namespace sirocco {

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

/// A picture for an encoder: tiles, each encoded by itself. Immutable.
class EncoderInput {
 public:
  /// Throws InvalidArgument unless there are tiles, which the encoder can read.
  EncoderInput(const AnyEncoder& encoder, std::vector<EncoderTile> tiles);

  const std::vector<EncoderTile>& tiles() const { return tiles_; }
  /// What becomes of all tiles, one behind another.
  std::int64_t rows() const { return first_rows_.back(); }
  std::int64_t first_row(std::size_t tile) const { return first_rows_[tile]; }
  /// How those lie that are made of the tile's patches.
  PatchGrid row_grid(std::size_t tile) const { return row_grids_[tile]; }
  /// Elements of such a row.
  std::int64_t width() const { return width_; }
  /// Whether the encoder has a row for the end of a row of tiles.
  bool has_newline() const { return has_newline_; }
  /// Equal for equal tiles: SHA-256 of them.
  const EmbeddingKey& key() const { return key_; }

 private:
  std::vector<EncoderTile> tiles_;
  std::vector<std::int64_t> first_rows_;
  std::vector<PatchGrid> row_grids_;
  std::int64_t width_;
  bool has_newline_;
  EmbeddingKey key_;
};

}  // namespace sirocco
