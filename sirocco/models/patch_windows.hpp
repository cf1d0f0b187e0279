#pragma once

#include <cstdint>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/nn/step_rows.hpp"

namespace sirocco {

/// Row and column of each patch of a grid, for encodings of two axes.
RotaryPositions places_of_patches(PatchGrid grid);

/// PatchWindows cut the grid of a picture into squares whose patches see each other, in all layers
/// but some. Rows stand window by window, in each row by row. (Bai et al. 2025, Qwen2.5-VL)
struct PatchWindows {
  std::int32_t side = 0;                       ///< of a square, in patches
  std::vector<std::int32_t> full_layers = {};  ///< in which all patches see each other

  bool apply_in(LayerIndex layer) const;
  /// The number of each row's patch in the grid, row by row there.
  std::vector<std::int32_t> order(PatchGrid grid) const;
  /// How many patches each window has: those at the right and at the bottom may have fewer.
  std::vector<std::int32_t> sizes(PatchGrid grid) const;
  std::int64_t largest(PatchGrid grid) const;
  RotaryPositions places(PatchGrid grid) const;
};

}  // namespace sirocco
