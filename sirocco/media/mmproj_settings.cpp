#include "sirocco/media/mmproj_settings.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// Three numbers.
std::array<double, 3> colors(const Metadata& metadata, std::string_view key) {
  const auto* const values = metadata.get_array<std::vector<double>>(key);
  if (values == nullptr || values->size() != 3) {
    throw FormatError("{}: {} must be three numbers, one a color", metadata.origin(), quoted(key));
  }
  return {(*values)[0], (*values)[1], (*values)[2]};
}

/// The sizes that pictures may be padded to, in pairs of numbers.
std::vector<PictureSize> grid_sizes(const Metadata& metadata) {
  constexpr std::string_view kKey = "clip.vision.image_grid_pinpoints";
  std::vector<PictureSize> sizes;
  const auto* const values = metadata.get_array<std::vector<std::int64_t>>(kKey);
  if (values == nullptr) return sizes;
  if (values->size() % 2 != 0)
    throw FormatError("{}: {} has {} numbers; expected pairs", metadata.origin(), quoted(kKey),
                      values->size());
  for (std::size_t i = 0; i + 1 < values->size(); i += 2)
    sizes.push_back({static_cast<int>((*values)[i]), static_cast<int>((*values)[i + 1])});
  return sizes;
}

std::int64_t required_side(const Metadata& metadata, std::string_view key) {
  const auto side = metadata.require<std::int64_t>(key);
  if (side < 1 || side > 1 << 16)
    throw FormatError("{}: {} is {}; expected 1 to 65536", metadata.origin(), quoted(key), side);
  return side;
}

void apply_gemma3(const Metadata& /*metadata*/, std::int64_t /*side*/, PictureSettings& out) {
  out.scheme = PictureScheme::kPanAndScan;
  out.resample = Resampling::kBilinear;
}

void apply_idefics3(const Metadata& metadata, std::int64_t side, PictureSettings& out) {
  constexpr std::string_view kLongest = "clip.vision.preproc_image_size";
  out.scheme = PictureScheme::kTiles;
  out.resample = Resampling::kLanczos;
  out.do_image_splitting = true;
  out.tile_side = side;
  out.size = {.longest_edge = metadata.find(kLongest) != nullptr ? required_side(metadata, kLongest)
                                                                 : 4 * side};
}

std::int64_t side_or(const Metadata& metadata, std::string_view key, std::int64_t fallback) {
  return metadata.find(key) != nullptr ? required_side(metadata, key) : fallback;
}

void set_patches(const Metadata& metadata, std::int64_t merge, PictureSettings& out) {
  const auto patch = static_cast<int>(required_side(metadata, "clip.vision.patch_size"));
  out.patch_size = {patch, patch};
  out.merge_size = side_or(metadata, "clip.vision.spatial_merge_size", merge);
}

/// Numbers of pixels, by the rows of the language model that llama.cpp allows: files seldom say
/// what the folder did.
void apply_qwen(const Metadata& metadata, std::int64_t /*side*/, PictureSettings& out) {
  constexpr std::int64_t kMinRows = 8;
  constexpr std::int64_t kMaxRows = 4096;
  constexpr std::int64_t kMaxPixels = std::int64_t{1} << 40;
  out.scheme = PictureScheme::kPixelBudget;
  set_patches(metadata, 2, out);
  const std::int64_t side = out.patch_size.width * out.merge_size;
  const auto pixels = [&](std::string_view key, std::int64_t rows) {
    const std::int64_t said = metadata.get<std::int64_t>(key).value_or(rows * side * side);
    if (said < 1 || said > kMaxPixels)
      throw FormatError("{}: {} is {}; expected 1 to 2^40", metadata.origin(), quoted(key), said);
    return said;
  };
  out.size = {.shortest_edge = pixels("clip.vision.image_min_pixels", kMinRows),
              .longest_edge = pixels("clip.vision.image_max_pixels", kMaxRows)};
}

void apply_pixtral(const Metadata& metadata, std::int64_t side, PictureSettings& out) {
  out.scheme = PictureScheme::kPatchRows;
  set_patches(metadata, 1, out);
  out.size = {.longest_edge = side};
}

/// Tiles where there are sizes for them; else a square, padded with the mean color.
/// Throws UnsupportedError where a file says that tiles' rows are joined otherwise than by places.
void apply_default(const Metadata& metadata, std::int64_t side, PictureSettings& out) {
  out.resample = Resampling::kBicubic;
  out.grid_pinpoints = grid_sizes(metadata);
  constexpr std::string_view kJoined = "clip.vision.mm_patch_merge_type";
  constexpr std::string_view kByPlaces = "spatial_unpad";
  const auto joined = metadata.get_or<std::string_view>(kJoined, kByPlaces);
  if (!out.grid_pinpoints.empty() && joined != kByPlaces) {
    throw UnsupportedError("{}: {} is {}, but only {} is supported", metadata.origin(),
                           quoted(kJoined), quoted(joined), quoted(kByPlaces));
  }
  out.crop_size = {static_cast<int>(side), static_cast<int>(side)};
  out.scheme = out.grid_pinpoints.empty() ? PictureScheme::kWhole : PictureScheme::kAnyResolution;
  out.pad_to_square = out.grid_pinpoints.empty();
}

struct ProjectorSettings {
  std::string_view projector;
  void (*apply)(const Metadata&, std::int64_t side, PictureSettings&);
};
constexpr std::array kProjectors = {ProjectorSettings{"gemma3", apply_gemma3},
                                    ProjectorSettings{"idefics3", apply_idefics3},
                                    ProjectorSettings{"qwen2vl_merger", apply_qwen},
                                    ProjectorSettings{"qwen2.5vl_merger", apply_qwen},
                                    ProjectorSettings{"qwen3vl_merger", apply_qwen},
                                    ProjectorSettings{"pixtral", apply_pixtral}};

}  // namespace

PictureSettings mmproj_picture_settings(const Metadata& metadata) {
  const std::string_view projector =
      metadata.get<std::string_view>("clip.vision.projector_type")
          .value_or(metadata.get<std::string_view>("clip.projector_type").value_or(""));
  const std::int64_t side = required_side(metadata, "clip.vision.image_size");
  PictureSettings out;
  out.image_mean = colors(metadata, "clip.vision.image_mean");
  out.image_std = colors(metadata, "clip.vision.image_std");
  out.size = {.height = side, .width = side};
  const auto* const known =
      std::ranges::find(kProjectors, projector, &ProjectorSettings::projector);
  if (known != kProjectors.end()) {
    known->apply(metadata, side, out);
  } else {
    apply_default(metadata, side, out);
  }
  return out;
}

}  // namespace sirocco
