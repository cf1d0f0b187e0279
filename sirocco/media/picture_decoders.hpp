#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "sirocco/media/picture.hpp"

/// The decoders behind picture_file.hpp, one a format; all throw FormatError for damaged files and
/// UnsupportedError for what they can't read. Each is given a whole file that begins like its
/// format.
namespace sirocco::decoders {

using Bytes = std::span<const std::byte>;

/// A StoredPicture is what a header says of the pixels as they are stored.
struct StoredPicture {
  PictureSize size;
  int orientation = 1;  ///< as in EXIF
};

StoredPicture jpeg_header(Bytes file);
StoredPicture png_header(Bytes file);
StoredPicture webp_header(Bytes file);
StoredPicture gif_header(Bytes file);
StoredPicture bmp_header(Bytes file);

/// The pixels as they are stored, over `background` where it is given. `size` is the header's.
Picture decode_jpeg(Bytes file, PictureSize size, std::optional<Color> background);
Picture decode_png(Bytes file, PictureSize size, std::optional<Color> background);
Picture decode_webp(Bytes file, PictureSize size, std::optional<Color> background);
Picture decode_gif(Bytes file, PictureSize size, std::optional<Color> background);
Picture decode_bmp(Bytes file, PictureSize size, std::optional<Color> background);

/// `color` with this alpha over `background`, rounded as Pillow's `alpha_composite` does.
inline std::uint8_t blended(std::uint8_t color, std::uint8_t alpha, std::uint8_t background) {
  const unsigned mixed = color * alpha + background * (255u - alpha) + 128u;
  return static_cast<std::uint8_t>((mixed + (mixed >> 8)) >> 8);
}

/// A row of RGBA, [W, 4], as RGB, [W, 3]: over `background`, or without its alpha.
void put_rgba_row(std::span<const std::uint8_t> rgba, std::optional<Color> background,
                  std::span<std::uint8_t> rgb);

/// `size` must be the header's again: what a library says when it decodes is held against what the
/// limits were held against.
void check_same_size(PictureSize header, std::int64_t width, std::int64_t height);

}  // namespace sirocco::decoders
