#include "sirocco/media/exif_orientation.hpp"

#include <cstdint>
#include <string_view>

namespace sirocco {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Numbers of a TIFF in its byte order; nothing beyond its end.
class Tiff {
 public:
  Tiff(std::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::optional<std::uint32_t> number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const auto byte = static_cast<std::uint8_t>(bytes_[at + (big_endian_ ? i : size - 1 - i)]);
      value = value << 8 | byte;
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_endian_;
};

}  // namespace

std::optional<int> exif_orientation(std::span<const std::byte> exif) {
  using namespace std::string_view_literals;
  constexpr std::uint32_t kOrientation = 0x0112;
  constexpr std::uint32_t kShort = 3;
  constexpr std::uint32_t kLong = 4;
  std::string_view bytes = as_text(exif);
  while (bytes.starts_with("Exif\0\0"sv)) bytes.remove_prefix(6);
  const bool big_endian = bytes.starts_with("MM\0*"sv);
  if (!big_endian && !bytes.starts_with("II*\0"sv)) return std::nullopt;
  const Tiff tiff(bytes, big_endian);

  const auto directory = tiff.number(4, 4);
  const auto count = directory ? tiff.number(*directory, 2) : std::nullopt;
  if (!count) return std::nullopt;
  std::optional<int> found;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::size_t entry = std::size_t{*directory} + 2 + std::size_t{i} * 12;
    const auto tag = tiff.number(entry, 2);
    if (!tag) break;
    if (*tag != kOrientation || tiff.number(entry + 4, 4) != 1u) continue;
    const auto type = tiff.number(entry + 2, 2);
    const auto value = type == kShort  ? tiff.number(entry + 8, 2)
                       : type == kLong ? tiff.number(entry + 8, 4)
                                       : std::nullopt;
    if (value) found = *value <= 8 ? static_cast<int>(*value) : 0;
  }
  return found;
}

std::optional<int> xmp_orientation(std::span<const std::byte> xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  const std::string_view text = as_text(xmp);
  for (std::size_t at = text.find(kName); at != text.npos; at = text.find(kName, at)) {
    at += kName.size();
    std::string_view rest = text.substr(at);
    if (rest.starts_with("=\"")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with('>')) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') return rest.front() - '0';
  }
  return std::nullopt;
}

}  // namespace sirocco
