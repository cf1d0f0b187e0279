#include "sirocco/engine/mmproj.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <system_error>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kWord = "mmproj";

bool has_word(std::string_view name) {
  return std::ranges::search(name, kWord, [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         }).begin() != name.end();
}

/// How many characters two names share from their beginning, the word and what joins it left out.
std::size_t shared(std::string_view model, std::string_view mmproj) {
  const auto common = [](std::string_view a, std::string_view b) {
    return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  };
  std::size_t best = common(model, mmproj);
  const std::size_t word = mmproj.find(kWord);
  if (word == std::string_view::npos) return best;
  std::string_view behind = mmproj.substr(word + kWord.size());
  while (!behind.empty() &&
         (behind.front() == '-' || behind.front() == '_' || behind.front() == '.'))
    behind.remove_prefix(1);
  return std::max(best, common(model, behind));
}

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

}  // namespace

std::optional<std::filesystem::path> find_mmproj(const std::filesystem::path& model) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_regular_file(model, error)) return std::nullopt;
  const std::string own = model.filename().string();
  if (has_word(own)) return std::nullopt;
  const fs::path folder = model.has_parent_path() ? model.parent_path() : fs::path(".");
  std::optional<fs::path> best;
  std::size_t most = 0;
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".gguf") && has_word(name) && entry.is_regular_file(error))
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  for (const fs::path& candidate : found) {
    const std::size_t in_common = shared(own, candidate.filename().string());
    if (best && in_common <= most) continue;
    best = candidate;
    most = in_common;
  }
  // One that is named for another model says nothing of this one.
  constexpr std::size_t kEnough = 4;
  if (best && most < kEnough && found.size() > 1) return std::nullopt;
  return best;
}

PictureSettings mmproj_picture_settings(const Metadata& metadata) {
  const auto require_side = [&](std::string_view key) {
    const auto side = metadata.require<std::int64_t>(key);
    if (side < 1 || side > 1 << 16)
      throw FormatError("{}: {} is {}; expected 1 to 65536", metadata.origin(), quoted(key), side);
    return side;
  };
  const std::string_view projector =
      metadata.get<std::string_view>("clip.vision.projector_type")
          .value_or(metadata.get<std::string_view>("clip.projector_type").value_or(""));
  const std::int64_t side = require_side("clip.vision.image_size");
  PictureSettings out;
  out.image_mean = colors(metadata, "clip.vision.image_mean");
  out.image_std = colors(metadata, "clip.vision.image_std");
  out.size = {.height = side, .width = side};
  if (projector == "gemma3") {
    out.scheme = PictureScheme::kPanAndScan;
    out.resample = Resampling::kBilinear;
  } else if (projector == "idefics3") {
    constexpr std::string_view kLongest = "clip.vision.preproc_image_size";
    out.scheme = PictureScheme::kTiles;
    out.resample = Resampling::kLanczos;
    out.do_image_splitting = true;
    out.tile_side = side;
    const std::int64_t longest =
        metadata.find(kLongest) != nullptr ? require_side(kLongest) : 4 * side;
    out.size = {.longest_edge = longest};
  } else {
    out.resample = Resampling::kBicubic;
    out.grid_pinpoints = grid_sizes(metadata);
    out.crop_size = {static_cast<int>(side), static_cast<int>(side)};
    if (out.grid_pinpoints.empty()) {
      out.scheme = PictureScheme::kWhole;
      out.pad_to_square = true;
    } else {
      out.scheme = PictureScheme::kAnyResolution;
    }
  }
  return out;
}

}  // namespace sirocco
