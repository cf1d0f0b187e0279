#pragma once

#include <cstdint>

/// What a tier provides for pictures; a part of CpuKernels, under the rules of kernel_table.hpp.
namespace sirocco {

/// Moments of channels, segment by segment.
struct MomentsTask {
  const float* x;  ///< rows of `columns`, a pixel each
  std::int64_t rows;
  std::int64_t columns;
  float* out;  ///< [segments, 2, columns]: means, then sums of squared distances from them
};

struct ScaleTask {
  const float* x;        ///< rows of `columns`
  const float* factors;  ///< [2, columns]
  std::int64_t columns;
  bool activated;
  float* out;  ///< rows of `columns`; may be x
};

struct DrawTask {
  const float* moments;  ///< rows of 2 · columns
  const float* noise;    ///< rows of `columns`
  std::int64_t columns;
  float* out;  ///< rows of `columns`
};

/// One panel's filters to the 36 places of tiles.
struct FilterTask {
  const float* panel;  ///< [9, channels, 16]
  std::int64_t channels;
  float* out;           ///< [channels, 16] of the first place
  std::int64_t stride;  ///< floats from a place to the next
};

/// Tiles of 6 x 6 pixels, `columns` of them a row of tiles, to the 36 places.
struct InputTilesTask {
  const float* x;
  /// Floats from x to a pixel are the sum of those of its row and its column: tile t reads rows
  /// 4 · (t / columns) and the five behind it, and columns 4 · (t % columns) in the same way.
  const std::int64_t* row_offsets;
  const std::int64_t* column_offsets;
  std::int64_t columns;
  std::int64_t channels;
  float* out;           ///< [tiles, channels] of the first place
  std::int64_t stride;  ///< floats from a place to the next
};

/// The 36 places to tiles of 4 x 4 pixels, of which those are written that the picture has.
struct OutputTilesTask {
  const float* x;        ///< [tiles, channels] of the first place
  std::int64_t stride;   ///< floats from a place to the next
  std::int64_t columns;  ///< of tiles
  std::int64_t channels;
  std::int64_t height;  ///< rows of pixels from the first tile's on
  std::int64_t width;
  const float* bias;   ///< [channels], or null
  const float* added;  ///< as `out`, or null
  float* out;          ///< [height, width, channels]
};

struct PictureKernels {
  /// Segments [segment_begin, segment_end).
  void (*moments)(const MomentsTask&, std::int64_t segment_begin,
                  std::int64_t segment_end) noexcept;
  /// Rows [row_begin, row_end).
  void (*scale)(const ScaleTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
  void (*draw)(const DrawTask&, std::int64_t row_begin, std::int64_t row_end) noexcept;
  /// Channels [begin, end).
  void (*filter)(const FilterTask&, std::int64_t begin, std::int64_t end) noexcept;
  /// Tiles [begin, end).
  void (*input)(const InputTilesTask&, std::int64_t begin, std::int64_t end) noexcept;
  void (*output)(const OutputTilesTask&, std::int64_t begin, std::int64_t end) noexcept;
};

consteval bool has_every_op(const PictureKernels& k) {
  return k.moments != nullptr && k.scale != nullptr && k.draw != nullptr && k.filter != nullptr &&
         k.input != nullptr && k.output != nullptr;
}

}  // namespace sirocco
