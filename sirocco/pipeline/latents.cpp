#include "sirocco/pipeline/latents.hpp"

#include <cmath>
#include <numbers>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/random.hpp"

namespace sirocco {
namespace {

/// Calls `put(packed, channel, row, column)` for every latent: its place in the packed rows, and
/// where it stands.
template <class Put>
void for_latents(std::int64_t channels, PatchGrid grid, std::int64_t side, Put put) {
  std::size_t at = 0;
  for (std::int64_t r = 0; r < grid.rows; ++r)
    for (std::int64_t c = 0; c < grid.columns; ++c)
      for (std::int64_t channel = 0; channel < channels; ++channel)
        for (std::int64_t y = 0; y < side; ++y)
          for (std::int64_t x = 0; x < side; ++x, ++at)
            put(at, channel, r * side + y, c * side + x);
}

}  // namespace

std::vector<float> gaussian_noise(std::uint64_t seed, std::uint32_t number, NoiseUse use,
                                  std::int64_t count) {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(count) + 1);
  for (std::uint64_t pair = 0; std::ssize(out) < count; ++pair) {
    const auto bits =
        philox(seed, {static_cast<std::uint32_t>(pair), static_cast<std::uint32_t>(pair >> 32),
                      number, static_cast<std::uint32_t>(use)});
    const auto fraction = [](std::uint32_t high, std::uint32_t low) {
      return static_cast<double>((std::uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
    };
    const double radius = std::sqrt(-2.0 * std::log(1.0 - fraction(bits[0], bits[1])));
    const double angle = 2.0 * std::numbers::pi * fraction(bits[2], bits[3]);
    out.push_back(static_cast<float>(radius * std::cos(angle)));
    out.push_back(static_cast<float>(radius * std::sin(angle)));
  }
  out.resize(static_cast<std::size_t>(count));
  return out;
}

std::vector<float> packed_planes(std::span<const float> planes, std::int64_t channels,
                                 PatchGrid grid, std::int32_t side) {
  const std::int64_t width = std::int64_t{grid.columns} * side;
  const std::int64_t height = std::int64_t{grid.rows} * side;
  SIROCCO_CHECK(std::ssize(planes) == channels * height * width);
  std::vector<float> out(planes.size());
  for_latents(channels, grid, side,
              [&](std::size_t at, std::int64_t l, std::int64_t y, std::int64_t x) {
                out[at] = planes[static_cast<std::size_t>((l * height + y) * width + x)];
              });
  return out;
}

std::vector<float> unpacked_rows(std::span<const float> packed, std::int64_t channels,
                                 PatchGrid grid, std::int32_t side) {
  const std::int64_t width = std::int64_t{grid.columns} * side;
  SIROCCO_CHECK(std::ssize(packed) == channels * width * grid.rows * side);
  std::vector<float> out(packed.size());
  for_latents(channels, grid, side,
              [&](std::size_t at, std::int64_t l, std::int64_t y, std::int64_t x) {
                out[static_cast<std::size_t>((y * width + x) * channels + l)] = packed[at];
              });
  return out;
}

std::vector<float> packed_rows(std::span<const float> rows, std::int64_t channels, PatchGrid grid,
                               std::int32_t side) {
  const std::int64_t width = std::int64_t{grid.columns} * side;
  SIROCCO_CHECK(std::ssize(rows) == channels * width * grid.rows * side);
  std::vector<float> out(rows.size());
  for_latents(channels, grid, side,
              [&](std::size_t at, std::int64_t l, std::int64_t y, std::int64_t x) {
                out[at] = rows[static_cast<std::size_t>((y * width + x) * channels + l)];
              });
  return out;
}

}  // namespace sirocco
