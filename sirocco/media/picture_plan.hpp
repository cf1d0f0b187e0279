#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sirocco/media/picture_settings.hpp"

namespace sirocco {

/// A PictureStep makes a picture of an earlier one.
struct PictureStep {
  enum class Kind { kResize, kCrop };
  Kind kind = Kind::kResize;
  int of = 0;  ///< 0: the picture itself; n: what step n - 1 made
  PictureSize size;
  int left = 0;  ///< of a crop, as in `cropped`; may lie outside
  int top = 0;
  Color color = kBlack;
};

/// A PictureLayout is what a prompt and an encoder have to know of the tiles.
struct PictureLayout {
  PictureSize original;  ///< before anything
  PictureSize resized;   ///< the picture when tiles are cut out of it, without padding
  PictureSize canvas;    ///< the same with its padding, in the middle of which it lies
  int rows = 0;          ///< of tiles that are parts, from the top, each row from the left; 0: none
  int columns = 0;
  int whole = 0;  ///< the tile that shows all of the picture, or -1 where the parts do
  /// Patches across and down the only tile, of kPixelBudget and kPatchRows; before merging.
  PictureSize patches;
};

/// A PicturePlan is what becomes of a picture, known from its size alone.
struct PicturePlan {
  std::vector<PictureStep> steps;
  std::vector<int>
      tiles;  ///< pictures as in PictureStep::of, in the order in which encoders want them
  PictureLayout layout;

  PictureSize size_of(int picture) const {
    return picture == 0 ? layout.original : steps[static_cast<std::size_t>(picture) - 1].size;
  }
  std::int64_t tile_pixels() const;
};

/// What plans may ask for: pixels of each step, and of all tiles together; tiles.
inline constexpr std::int64_t kMaxPlannedPixels = std::int64_t{64} << 20;
inline constexpr std::size_t kMaxTiles = 4096;

/// Checks what a plan depends on. Throws InvalidArgument naming the setting.
void check_settings(const PictureSettings& settings);

/// What becomes of a picture of that size, rounded as transformers 5.24 rounds. `settings` are
/// checked ones. Throws InvalidArgument where transformers fails too (a side that becomes 0, sides
/// too different for kPixelBudget), ResourceExhausted beyond the limits above.
PicturePlan plan_picture(const PictureSettings& settings, PictureSize size);

}  // namespace sirocco
