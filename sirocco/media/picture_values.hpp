#pragma once

#include <span>
#include <vector>

#include "sirocco/media/picture.hpp"

namespace sirocco {

// Pixels as models of pictures have them: floats [H · W, 3], rows from the top, -1 for black to 1.

/// The picture that a model made, in 8 bits: (x / 2 + 1/2), between 0 and 1, times 255, rounded to
/// the nearest, of two to the even one, each step in float as diffusers does. Throws
/// InvalidArgument unless there are as many values as the size has, NotANumber for one that is
/// none.
Picture picture_of_values(std::span<const float> values, PictureSize size);

/// The values of a picture for a model: 2 · (x / 255) - 1.
std::vector<float> values_of_picture(const Picture& picture);

}  // namespace sirocco
