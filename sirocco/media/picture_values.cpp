#include "sirocco/media/picture_values.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr float kWhole = 255.0f;

/// x, 0 to 255, rounded to the nearest integer, of two to the even one, whatever the rounding mode.
std::uint8_t rounded(float x) {
  const float below = std::floor(x);
  const float rest = x - below;  // exact
  const auto whole = static_cast<int>(below);
  const bool up = rest > 0.5f || (rest == 0.5f && whole % 2 == 1);
  return static_cast<std::uint8_t>(whole + (up ? 1 : 0));
}

}  // namespace

Picture picture_of_values(std::span<const float> values, PictureSize size) {
  Picture picture(size);
  if (values.size() != picture.bytes().size()) {
    throw InvalidArgument("a picture of {} x {} pixels has {} values, not {}", size.width,
                          size.height, picture.bytes().size(), values.size());
  }
  for (int y = 0; y < size.height; ++y) {
    for (std::uint8_t& byte : picture.row(y)) {
      const float x = values.front();
      values = values.subspan(1);
      if (std::isnan(x)) throw NotANumber("a pixel of a picture is no number");
      byte = rounded(std::clamp(x * 0.5f + 0.5f, 0.0f, 1.0f) * kWhole);
    }
  }
  return picture;
}

std::vector<float> values_of_picture(const Picture& picture) {
  std::array<float, 256> value_of;
  for (std::size_t byte = 0; byte < value_of.size(); ++byte)
    value_of[byte] = 2.0f * (static_cast<float>(byte) / kWhole) - 1.0f;
  std::vector<float> values;
  values.reserve(picture.bytes().size());
  for (const std::uint8_t byte : picture.bytes()) values.push_back(value_of[byte]);
  return values;
}

}  // namespace sirocco
