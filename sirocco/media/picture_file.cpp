#include "sirocco/media/picture_file.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_decoders.hpp"

namespace sirocco {
namespace decoders {

void put_rgba_row(std::span<const std::uint8_t> rgba, std::optional<Color> background,
                  std::span<std::uint8_t> rgb) {
  const std::size_t width = rgb.size() / 3;
  if (!background) {
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < 3; ++c) rgb[x * 3 + c] = rgba[x * 4 + c];
    }
    return;
  }
  const Color below = *background;
  for (std::size_t x = 0; x < width; ++x) {
    for (std::size_t c = 0; c < 3; ++c)
      rgb[x * 3 + c] = blended(rgba[x * 4 + c], rgba[x * 4 + 3], below[c]);
  }
}

void check_same_size(PictureSize header, std::int64_t width, std::int64_t height) {
  if (width == header.width && height == header.height) return;
  throw FormatError("the picture's header says {} x {} pixels, but its data are of {} x {}",
                    header.width, header.height, width, height);
}

}  // namespace decoders

namespace {

using decoders::Bytes;
using decoders::StoredPicture;

/// How files of a format begin: `mark` at the start, and `second_mark`, where there is one, at its
/// place.
struct Format {
  std::string_view name;
  std::string_view mark;
  std::size_t second_at;
  std::string_view second_mark;
  StoredPicture (*header)(Bytes);
  Picture (*decode)(Bytes, PictureSize, std::optional<Color>);
};
constexpr std::array kFormats = {
    Format{"JPEG", "\xFF\xD8\xFF", 0, "", decoders::jpeg_header, decoders::decode_jpeg},
    Format{"PNG", "\x89PNG\r\n\x1A\n", 0, "", decoders::png_header, decoders::decode_png},
    Format{"WebP", "RIFF", 8, "WEBP", decoders::webp_header, decoders::decode_webp},
    Format{"GIF", "GIF87a", 0, "", decoders::gif_header, decoders::decode_gif},
    Format{"GIF", "GIF89a", 0, "", decoders::gif_header, decoders::decode_gif},
    Format{"BMP", "BM", 0, "", decoders::bmp_header, decoders::decode_bmp},
};

const Format& format_of(Bytes file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const auto* const found = std::ranges::find_if(kFormats, [&](const Format& format) {
    return text.starts_with(format.mark) && text.size() >= format.second_at &&
           text.substr(format.second_at).starts_with(format.second_mark);
  });
  if (found != kFormats.end()) return *found;
  throw UnsupportedError(
      "not a picture that is read here: the file begins with {}; JPEG, PNG, WebP, GIF and BMP are "
      "read",
      file.empty() ? "nothing" : quoted(text.substr(0, 12)));
}

struct Opened {
  const Format& format;
  StoredPicture stored;
};

Opened open(Bytes file, const PictureLimits& limits) {
  if (file.size() > limits.max_bytes) {
    throw ResourceExhausted("a picture file of {} bytes; at most {} are allowed", file.size(),
                            limits.max_bytes);
  }
  const Format& format = format_of(file);
  const StoredPicture stored = format.header(file);
  const auto [width, height] = stored.size;
  if (width < 1 || height < 1) {
    throw FormatError("{}: a picture of {} x {} pixels; both sides must be at least 1", format.name,
                      width, height);
  }
  if (std::max(width, height) > limits.max_side ||
      std::int64_t{width} * height > limits.max_pixels) {
    throw ResourceExhausted(
        "a picture of {} x {} pixels; at most {} a side and {} in all are allowed: make it smaller "
        "first",
        width, height, limits.max_side, limits.max_pixels);
  }
  return {format, stored};
}

}  // namespace

PictureHeader read_picture_header(std::span<const std::byte> file, const PictureLimits& limits) {
  const auto [format, stored] = open(file, limits);
  const auto [width, height] = stored.size;
  const bool turned = stored.orientation >= 5 && stored.orientation <= 8;
  return {format.name, turned ? PictureSize{height, width} : stored.size};
}

Picture decode_picture(std::span<const std::byte> file, const PictureLimits& limits,
                       std::optional<Color> background) {
  const auto [format, stored] = open(file, limits);
  return oriented(format.decode(file, stored.size, background), stored.orientation);
}

}  // namespace sirocco
