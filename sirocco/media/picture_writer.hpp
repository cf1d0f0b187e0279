#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "sirocco/media/picture.hpp"

namespace sirocco {

/// A PictureNote is a text inside a picture's file.
struct PictureNote {
  std::string keyword;  ///< what it is about: 1 to 79 letters, digits and spaces
  std::string text;     ///< UTF-8
};

/// The picture as a PNG file, 8 bits a color, without loss; notes stand before the pixels. Throws
/// InvalidArgument for a keyword that PNG doesn't allow, ResourceExhausted.
std::vector<std::byte> encode_png(const Picture& picture, std::span<const PictureNote> notes = {});

}  // namespace sirocco
