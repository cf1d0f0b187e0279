#include "sirocco/media/picture.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

Picture::Picture(PictureSize size, Color color) : size_(size) {
  if (size.width < 1 || size.height < 1) {
    throw InvalidArgument("a picture of {} x {} pixels; both sides must be at least 1", size.width,
                          size.height);
  }
  bytes_.resize(stride() * static_cast<std::size_t>(size.height));
  if (color == kBlack) return;
  for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = color[i % 3];
}

Picture cropped(const Picture& picture, int left, int top, PictureSize size, Color color) {
  const auto right = std::min<std::int64_t>(std::int64_t{left} + size.width, picture.width());
  const auto bottom = std::min<std::int64_t>(std::int64_t{top} + size.height, picture.height());
  const std::int64_t from_x = std::max(left, 0);
  const std::int64_t from_y = std::max(top, 0);
  const bool covered =
      from_x == left && from_y == top && right - left == size.width && bottom - top == size.height;
  Picture out(size, covered ? kBlack : color);
  if (right <= from_x) return out;
  for (std::int64_t y = from_y; y < bottom; ++y) {
    const auto from =
        picture.row(static_cast<int>(y)).subspan(static_cast<std::size_t>(from_x * 3));
    const auto to = out.row(static_cast<int>(y - top));
    std::memcpy(to.data() + (from_x - left) * 3, from.data(),
                static_cast<std::size_t>((right - from_x) * 3));
  }
  return out;
}

Picture oriented(Picture picture, int orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  // 5 to 8 exchange rows and columns first, then all is mirrored.
  const bool transposed = orientation >= 5;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const auto [width, height] = picture.size();
  Picture out(transposed ? PictureSize{height, width} : PictureSize{width, height});
  for (int y = 0; y < out.height(); ++y) {
    const auto to = out.row(from_bottom ? out.height() - 1 - y : y);
    for (int x = 0; x < out.width(); ++x) {
      const std::uint8_t* const from =
          transposed ? picture.row(x).data() + y * 3 : picture.row(y).data() + x * 3;
      std::memcpy(to.data() + (from_right ? out.width() - 1 - x : x) * 3, from, 3);
    }
  }
  return out;
}

}  // namespace sirocco
