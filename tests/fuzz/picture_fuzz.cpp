#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_file.hpp"

/// Any bytes are a picture of the size that its header says or throw an Error, and over a
/// background are one of the same size.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sirocco;
  constexpr PictureLimits kLimits = {1 << 20, 1 << 18, 1 << 14};
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  std::optional<Picture> picture;
  try {
    const PictureHeader header = read_picture_header(bytes, kLimits);
    SIROCCO_CHECK(std::int64_t{header.size.width} * header.size.height <= kLimits.max_pixels);
    picture = decode_picture(bytes, kLimits);
    SIROCCO_CHECK(picture->size() == header.size);
  } catch (const Error&) {
  }
  try {
    const Picture over = decode_picture(bytes, kLimits, kWhite);
    SIROCCO_CHECK(picture && over.size() == picture->size());
  } catch (const Error&) {
    SIROCCO_CHECK(!picture);
  }
  return 0;
}
