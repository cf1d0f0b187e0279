#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sirocco {

/// A Color is red, green and blue, 0 to 255 each.
using Color = std::array<std::uint8_t, 3>;
inline constexpr Color kBlack = {0, 0, 0};
inline constexpr Color kWhite = {255, 255, 255};

/// A PictureSize is a width and a height in pixels.
struct PictureSize {
  int width = 0;
  int height = 0;

  friend bool operator==(const PictureSize&, const PictureSize&) = default;
};

/// A Picture is 8-bit RGB, [H, W, 3], rows from the top. It is a value and owns its pixels; threads
/// may read one at the same time.
class Picture {
 public:
  /// Every pixel is `color`. Throws InvalidArgument for a side below 1.
  explicit Picture(PictureSize size, Color color = kBlack);

  PictureSize size() const { return size_; }
  int width() const { return size_.width; }
  int height() const { return size_.height; }

  /// Row `y`, counted from the top: [W, 3].
  std::span<const std::uint8_t> row(int y) const {
    return {bytes_.data() + y * stride(), stride()};
  }
  std::span<std::uint8_t> row(int y) { return {bytes_.data() + y * stride(), stride()}; }

  /// All rows, [H, W, 3].
  std::span<const std::uint8_t> bytes() const { return bytes_; }

  friend bool operator==(const Picture&, const Picture&) = default;

 private:
  std::size_t stride() const { return static_cast<std::size_t>(size_.width) * 3; }

  PictureSize size_;
  std::vector<std::uint8_t> bytes_;
};

/// The part of `picture` with its corner at (`left`, `top`), which may lie outside: what isn't the
/// picture's is `color`.
Picture cropped(const Picture& picture, int left, int top, PictureSize size, Color color = kBlack);

/// The picture turned and mirrored as an EXIF orientation asks for: 1 to 8; others leave it as it
/// is. (Exif 2.32, tag 0x0112)
Picture oriented(Picture picture, int orientation);

}  // namespace sirocco
