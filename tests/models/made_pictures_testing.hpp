#pragma once

#include <algorithm>
#include <cstddef>

#include "sirocco/media/picture.hpp"
#include "tests/golden/golden_pictures_testing.hpp"

namespace sirocco::testing {

/// A recorded picture, as a file's decoder would hand it out.
inline Picture picture_of(const MadePicture& made) {
  Picture picture({static_cast<int>(made.width), static_cast<int>(made.height)});
  for (int y = 0; y < picture.height(); ++y) {
    const auto row = picture.row(y);
    std::copy_n(made.rgb.begin() + static_cast<std::ptrdiff_t>(row.size()) * y, row.size(),
                row.begin());
  }
  return picture;
}

}  // namespace sirocco::testing
