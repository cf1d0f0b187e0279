#pragma once

#include "sirocco/media/picture.hpp"

namespace sirocco {

/// Resampling is how the pixels of a picture of another size are made; the numbers are Pillow's,
/// which files of settings have.
enum class Resampling {
  kNearest = 0,
  kLanczos = 1,
  kBilinear = 2,
  kBicubic = 3,
  kBox = 4,
  kHamming = 5,
};

/// The picture in another size: the bytes of Pillow's `Image.resize(size, resample)`. Each pixel is
/// a weighted mean of those below it, so that nothing is skipped when a picture gets smaller
/// (`kNearest` takes one). Columns and rows are resized one after the other, rows first where more
/// than twice as many of them go, and what is between is rounded to bytes: as in Pillow 13 (before,
/// columns always came first). Throws InvalidArgument for a side below 1.
Picture resized(const Picture& picture, PictureSize size, Resampling resampling);

}  // namespace sirocco
