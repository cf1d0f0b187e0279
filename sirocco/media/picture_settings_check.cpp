#include <algorithm>
#include <cmath>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_plan.hpp"

namespace sirocco {
namespace {

void require(bool holds, std::string_view setting, std::string_view wanted) {
  if (!holds) throw InvalidArgument("the picture setting {} {}", setting, wanted);
}

/// Whether a rule gives a picture a size, of the spellings that a scheme knows.
bool gives_size(const PictureSettings& s) {
  const SizeRule& size = s.size;
  const bool sides = size.height > 0 && size.width > 0;
  const bool both_edges = size.shortest_edge > 0 && size.longest_edge > 0;
  const bool box = size.max_height > 0 && size.max_width > 0;
  switch (s.scheme) {
    case PictureScheme::kWhole:
    case PictureScheme::kPanAndScan:
      return sides || size.shortest_edge > 0 || box;
    case PictureScheme::kAnyResolution:
      return sides || size.shortest_edge > 0;
    case PictureScheme::kTiles:
    case PictureScheme::kPatchRows:
      return sides || size.longest_edge > 0;
    case PictureScheme::kQuarters:
      return sides || both_edges;
    case PictureScheme::kPixelBudget:
      return both_edges;
  }
  return false;
}

constexpr std::int64_t kMostSide = 1 << 16;
constexpr std::int64_t kMostPixels = std::int64_t{1} << 40;

void check_size(const PictureSettings& s) {
  // Also where nothing is resized: the first of several tiles is.
  if (s.do_resize || s.scheme == PictureScheme::kAnyResolution)
    require(gives_size(s), "size", "has no members that this kind of processor resizes by");
  const SizeRule& size = s.size;
  for (const std::int64_t side : {size.height, size.width, size.max_height, size.max_width})
    require(side >= 0 && side <= kMostSide, "size", "has a side that is out of range");
  const std::int64_t most = s.scheme == PictureScheme::kPixelBudget ? kMostPixels : kMostSide;
  for (const std::int64_t edge : {size.shortest_edge, size.longest_edge})
    require(edge >= 0 && edge <= most, "size", "has an edge that is out of range");
}

bool is_size(PictureSize size) {
  return size.width >= 1 && size.height >= 1 && std::max(size.width, size.height) <= kMostSide;
}

void check_values(const PictureSettings& s) {
  require(std::isfinite(s.rescale_factor), "rescale_factor", "must be a finite number");
  for (std::size_t c = 0; c < 3; ++c) {
    require(std::isfinite(s.image_mean[c]), "image_mean", "must be finite numbers");
    require(std::isfinite(s.image_std[c]) && static_cast<float>(s.image_std[c]) != 0, "image_std",
            "must be finite numbers and none of them 0");
    require(!s.pad_to_square || (s.image_mean[c] >= 0 && s.image_mean[c] <= 1), "image_mean",
            "must be 0 to 1, since the mean color pads");
  }
}

}  // namespace

void check_settings(const PictureSettings& s) {
  check_size(s);
  check_values(s);
  const auto number = static_cast<int>(s.resample);
  require(number >= 0 && number <= 5, "resample", "must be 0 to 5");
  require(!s.do_center_crop || is_size(s.crop_size), "crop_size", "must be given to crop by");
  switch (s.scheme) {
    case PictureScheme::kWhole:
    case PictureScheme::kQuarters:
      break;
    case PictureScheme::kAnyResolution:
      require(!s.grid_pinpoints.empty() && std::ranges::all_of(s.grid_pinpoints, is_size),
              "image_grid_pinpoints", "must have at least one size, each of sides from 1 on");
      break;
    case PictureScheme::kTiles:
      require(s.tile_side >= 1 && s.tile_side <= kMostSide, "max_image_size", "must be 1 to 65536");
      break;
    case PictureScheme::kPanAndScan:
      require(!s.do_pan_and_scan ||
                  (s.pan_and_scan_min_crop_size >= 1 && s.pan_and_scan_max_num_crops >= 1 &&
                   s.pan_and_scan_min_ratio_to_activate > 0),
              "do_pan_and_scan", "needs the other members of pan_and_scan, each above 0");
      break;
    case PictureScheme::kPixelBudget:
      require(s.patch_size.width == s.patch_size.height, "patch_size", "must be of a square");
      [[fallthrough]];
    case PictureScheme::kPatchRows:
      require(is_size(s.patch_size), "patch_size", "must be 1 to 65536");
      require(s.merge_size >= 1 && s.merge_size <= 64, "merge_size", "must be 1 to 64");
      break;
  }
}

}  // namespace sirocco
