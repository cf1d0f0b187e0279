#pragma once

#include <array>
#include <vector>

#include "sirocco/media/picture.hpp"
#include "sirocco/media/picture_plan.hpp"
#include "sirocco/media/picture_settings.hpp"

/// Pictures as models want them: what the image processors of transformers 5.24 do with Pillow
/// (`backend="pil"`), to the last bit.
namespace sirocco {

/// A PictureTile is one input of an encoder.
struct PictureTile {
  PictureSize size;
  std::vector<float> planes;  ///< [3, H, W]: red, green, blue
};

/// A PreparedPicture is the tiles of one picture, in the order in which transformers has them, and
/// what a prompt has to know of them.
struct PreparedPicture {
  std::vector<PictureTile> tiles;
  PictureLayout layout;
};

/// A PictureProcessor makes tiles of pictures by a checkpoint's settings. Immutable; threads may
/// share one.
class PictureProcessor {
 public:
  /// Throws InvalidArgument naming the setting that can't be.
  explicit PictureProcessor(PictureSettings settings);

  const PictureSettings& settings() const { return settings_; }

  /// What will become of a picture of that size, so that limits can be held against a file's
  /// header. Throws as `plan_picture`.
  PicturePlan plan(PictureSize size) const { return plan_picture(settings_, size); }

  /// The tiles of `picture`. Throws as `plan`. A value of a pixel is a function of its byte and its
  /// color, in float32: (byte * rescale_factor - mean) / std, as far as the settings ask for it.
  PreparedPicture prepare(const Picture& picture) const;

 private:
  PictureTile make_tile(const Picture& picture) const;

  PictureSettings settings_;
  std::array<std::array<float, 256>, 3> values_;  ///< of bytes, by color
};

}  // namespace sirocco
