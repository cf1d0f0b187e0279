#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sirocco/media/picture.hpp"

/// Pictures out of files: JPEG, PNG, WebP, GIF (the first frame) and BMP. A file's first bytes say
/// which of them it is; its name never matters.
///
/// Pixels are those of Pillow's `ImageOps.exif_transpose(Image.open(file)).convert("RGB")`.
namespace sirocco {

/// PictureLimits are what a file may ask for. They are held against its header, before there is
/// memory for pixels. To decode a picture takes at most 14 bytes a pixel beside the file.
struct PictureLimits {
  std::size_t max_bytes = std::size_t{64} << 20;     ///< of the file
  std::int64_t max_pixels = std::int64_t{64} << 20;  ///< width times height
  int max_side = 65535;
};

/// A PictureHeader is what a file says of its picture before pixels are decoded.
struct PictureHeader {
  std::string_view format;  ///< as it is called: "JPEG"; lives for ever
  PictureSize size;         ///< as it is shown, orientation applied
};

/// Reads the header of the picture in `file` and holds it against the limits. Throws
/// UnsupportedError when the file is of no format that is read here, FormatError when it is
/// damaged, ResourceExhausted, with what was found and what is allowed, for a limit.
PictureHeader read_picture_header(std::span<const std::byte> file,
                                  const PictureLimits& limits = {});

/// The picture in `file`, which is only read. Where it is transparent it is put over `background`;
/// without one, transparency is left aside and the colors below it show, as in Pillow's
/// `convert("RGB")`. Throws what `read_picture_header` throws; a file that ends too early is a
/// FormatError.
Picture decode_picture(std::span<const std::byte> file, const PictureLimits& limits = {},
                       std::optional<Color> background = std::nullopt);

}  // namespace sirocco
