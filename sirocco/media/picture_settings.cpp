#include "sirocco/media/picture_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/formats/json_value.hpp"
#include "sirocco/media/picture_classes.hpp"

namespace sirocco {
namespace {

/// The members at a place of a description. A null takes a default away, as it does in
/// transformers: of a flag it is false, of a size none.
class Members {
 public:
  Members(const Metadata& metadata, std::string_view prefix)
      : metadata_(metadata), prefix_(prefix.empty() ? "" : fmt::format("{}.", prefix)) {}

  std::string path(std::string_view name) const { return fmt::format("{}{}", prefix_, name); }
  const MetadataValue* find(std::string_view name) const { return metadata_.find(path(name)); }
  std::string_view origin() const { return metadata_.origin(); }

  bool is_null(std::string_view name) const { return metadata_.is_null(path(name)); }

  void read_flag(std::string_view name, bool& to) const {
    if (is_null(name)) to = false;
    if (const auto value = metadata_.get<bool>(path(name))) to = *value;
  }

  /// A number that, where `needed`, must not be null.
  void read_number(std::string_view name, bool needed, double& to) const {
    if (needed) refuse_null(name);
    if (const auto value = metadata_.get<double>(path(name))) to = *value;
  }

  void refuse_null(std::string_view name) const {
    if (is_null(name)) {
      throw FormatError("{}: {} is null, but it is needed by what else is set", origin(),
                        path(name));
    }
  }

  std::optional<std::string_view> text(std::string_view name) const {
    return metadata_.get<std::string_view>(path(name));
  }

  /// An integer that is there.
  std::int64_t integer(std::string_view name) const {
    return metadata_.require<std::int64_t>(path(name));
  }

  /// A count, from 1 on; `most` is the largest that makes sense.
  void read_count(std::string_view name, std::int64_t& to, std::int64_t most = 1 << 16) const {
    const auto value = metadata_.get<std::int64_t>(path(name));
    if (!value) return;
    if (*value < 1 || *value > most)
      throw FormatError("{}: {} is {}; it must be 1 to {}", origin(), path(name), *value, most);
    to = *value;
  }

  /// One number for all colors, or one for each.
  void read_colors(std::string_view name, std::array<double, 3>& to) const {
    const MetadataValue* const value = find(name);
    if (value == nullptr) return;
    if (std::holds_alternative<double>(*value) || std::holds_alternative<std::int64_t>(*value)) {
      to.fill(metadata_.require<double>(path(name)));
      return;
    }
    std::vector<double> numbers;
    if (const auto* integers = std::get_if<std::vector<std::int64_t>>(value)) {
      numbers.assign(integers->begin(), integers->end());
    } else {
      numbers = *metadata_.get_array<std::vector<double>>(path(name));
    }
    if (numbers.size() != to.size()) {
      throw FormatError("{}: {} has {} numbers; it must have one, or one a color: 3", origin(),
                        path(name), numbers.size());
    }
    std::ranges::copy(numbers, to.begin());
  }

  /// Two counts in an array, as height and width.
  std::optional<PictureSize> pair(std::string_view name) const {
    const MetadataValue* const value = find(name);
    const auto* const numbers =
        value == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(value);
    if (numbers == nullptr) return std::nullopt;
    const auto fits = [](std::int64_t side) { return side >= 1 && side <= 1 << 16; };
    if (numbers->size() != 2 || !std::ranges::all_of(*numbers, fits)) {
      throw FormatError("{}: {} must be a height and a width of 1 to {}", origin(), path(name),
                        1 << 16);
    }
    return PictureSize{static_cast<int>((*numbers)[1]), static_cast<int>((*numbers)[0])};
  }

 private:
  const Metadata& metadata_;
  std::string prefix_;
};

/// A member of a size, and where it goes.
struct SizeMember {
  std::string_view name;
  std::int64_t SizeRule::*to;
  std::int64_t most = 1 << 16;
};
constexpr std::int64_t kMostPixels = std::int64_t{1} << 40;

/// What `name` says of a size, in any of its spellings: a number, a pair, or members; nothing where
/// it isn't there.
std::optional<SizeRule> read_size(const Members& members, std::string_view name,
                                  bool number_is_square, bool in_pixels = false) {
  SizeRule size;
  if (members.is_null(name)) return size;
  if (const auto pair = members.pair(name)) {
    size.height = pair->height;
    size.width = pair->width;
    return size;
  }
  if (members.find(name) != nullptr) {
    std::int64_t number = 0;
    members.read_count(name, number);
    if (number_is_square) {
      size.height = size.width = number;
    } else {
      size.shortest_edge = number;
    }
    return size;
  }
  const std::int64_t most = in_pixels ? kMostPixels : 1 << 16;
  const std::array known = {
      SizeMember{"height", &SizeRule::height},
      SizeMember{"width", &SizeRule::width},
      SizeMember{"shortest_edge", &SizeRule::shortest_edge, most},
      SizeMember{"longest_edge", &SizeRule::longest_edge, most},
      SizeMember{"max_height", &SizeRule::max_height},
      SizeMember{"max_width", &SizeRule::max_width},
      SizeMember{"min_pixels", &SizeRule::shortest_edge, kMostPixels},
      SizeMember{"max_pixels", &SizeRule::longest_edge, kMostPixels},
  };
  bool said = false;
  for (const SizeMember& member : std::span(known).first(in_pixels ? known.size() : 6)) {
    const std::string path = fmt::format("{}.{}", name, member.name);
    said = said || members.find(path) != nullptr;
    members.read_count(path, size.*member.to, member.most);
  }
  return said ? std::optional(size) : std::nullopt;
}

/// A size of both sides, which a number is too.
void read_sides(const Members& members, std::string_view name, PictureSize& to) {
  const auto size = read_size(members, name, true);
  if (!size) return;
  if (*size == SizeRule{}) {
    to = {};
    return;
  }
  if (size->height == 0 || size->width == 0)
    throw FormatError("{}: {} must have a height and a width", members.origin(),
                      members.path(name));
  to = {static_cast<int>(size->width), static_cast<int>(size->height)};
}

void read_grid_pinpoints(const Members& members, std::vector<PictureSize>& to) {
  constexpr int kMost = 1024;
  std::vector<PictureSize> grids;
  while (const auto grid = members.pair(fmt::format("image_grid_pinpoints.{}", grids.size()))) {
    grids.push_back(*grid);
    if (grids.size() > kMost)
      throw FormatError("{}: more than {} image_grid_pinpoints", members.origin(), kMost);
  }
  if (!grids.empty()) to = std::move(grids);
}

/// The name of the class that the settings name, in any of the spellings that there have been, or
/// that the model has; empty where neither says one.
std::string class_name(const Members& members, std::string_view model_type) {
  if (const auto type = members.text("image_processor_type")) return std::string(*type);
  const auto older = members.text("feature_extractor_type");
  if (!older) return std::string(processor_class_of_model(model_type));
  constexpr std::string_view kOld = "FeatureExtractor";
  std::string name(*older);
  if (name.ends_with(kOld)) name.replace(name.size() - kOld.size(), kOld.size(), "ImageProcessor");
  return name;
}

/// Whether the settings are of sound alone, whose files have the same name.
bool is_of_sound(const Members& members) {
  return !members.text("image_processor_type") && members.text("feature_extractor_type") &&
         find_processor_class(class_name(members, "")) == nullptr;
}

const ProcessorClass& class_of(const Members& members, std::string_view model_type) {
  const std::string name = class_name(members, model_type);
  if (name.empty()) {
    throw FormatError("{}: neither {} nor feature_extractor_type names an image processor{}",
                      members.origin(), members.path("image_processor_type"),
                      model_type.empty()
                          ? std::string()
                          : fmt::format(", and none is known of the model {}", quoted(model_type)));
  }
  const ProcessorClass* const found = find_processor_class(name);
  if (found != nullptr) return *found;
  throw UnsupportedError("{}: the image processor {} isn't supported; known are {}",
                         members.origin(), quoted(name), processor_class_names());
}

void read_resampling(const Members& members, bool needed, Resampling& to) {
  if (needed) members.refuse_null("resample");
  if (members.find("resample") == nullptr) return;
  const std::int64_t number = members.integer("resample");
  if (number < 0 || number > 5)
    throw FormatError("{}: {} is {}; it must be 0 to 5, as Pillow counts its filters",
                      members.origin(), members.path("resample"), number);
  to = static_cast<Resampling>(number);
}

/// A number of pixels: min_pixels and max_pixels on top go before those in the size.
void read_pixel_budget(const Members& members, PictureSettings& s) {
  if (const auto size = read_size(members, "size", false, true)) {
    if (size->shortest_edge > 0) s.size.shortest_edge = size->shortest_edge;
    if (size->longest_edge > 0) s.size.longest_edge = size->longest_edge;
  }
  members.read_count("min_pixels", s.size.shortest_edge, kMostPixels);
  members.read_count("max_pixels", s.size.longest_edge, kMostPixels);
}

void read_scheme(const Members& members, PictureSettings& s) {
  switch (s.scheme) {
    case PictureScheme::kWhole:
      break;
    case PictureScheme::kAnyResolution:
      read_grid_pinpoints(members, s.grid_pinpoints);
      break;
    case PictureScheme::kTiles:
      members.read_flag("do_image_splitting", s.do_image_splitting);
      members.read_count("max_image_size.longest_edge", s.tile_side);
      break;
    case PictureScheme::kQuarters:
      members.read_flag("do_image_splitting", s.do_image_splitting);
      break;
    case PictureScheme::kPanAndScan:
      members.read_flag("do_pan_and_scan", s.do_pan_and_scan);
      members.read_count("pan_and_scan_min_crop_size", s.pan_and_scan_min_crop_size);
      members.read_count("pan_and_scan_max_num_crops", s.pan_and_scan_max_num_crops);
      members.read_number("pan_and_scan_min_ratio_to_activate", s.do_pan_and_scan,
                          s.pan_and_scan_min_ratio_to_activate);
      break;
    case PictureScheme::kPixelBudget:
      read_pixel_budget(members, s);
      members.read_count("merge_size", s.merge_size, 64);
      read_sides(members, "patch_size", s.patch_size);
      break;
    case PictureScheme::kPatchRows:
      read_sides(members, "patch_size", s.patch_size);
      break;
  }
}

std::optional<JsonMetadata> read_file(const CompanionFiles& files, const std::string& name) {
  const auto text = files.find(name);
  if (!text) return std::nullopt;
  std::optional<JsonMetadata> metadata(std::in_place, files.origin(name));
  const JsonValue document = parse_json(*text, files.origin(name));
  const auto* const members = document.as<JsonValue::Object>();
  if (members == nullptr) throw FormatError("{}: not a JSON object", files.origin(name));
  for (const JsonValue::Member& member : *members) metadata->add(member.name, member.value);
  metadata->finish();
  return metadata;
}

}  // namespace

PictureSettings read_picture_settings(const Metadata& metadata, std::string_view prefix,
                                      std::string_view model_type) {
  const Members members(metadata, prefix);
  const ProcessorClass& row = class_of(members, model_type);
  PictureSettings s = row.defaults();
  members.read_flag("do_resize", s.do_resize);
  read_resampling(members, s.do_resize, s.resample);
  members.read_flag("do_rescale", s.do_rescale);
  members.read_number("rescale_factor", s.do_rescale, s.rescale_factor);
  members.read_flag("do_normalize", s.do_normalize);
  if (s.do_normalize) {
    members.refuse_null("image_mean");
    members.refuse_null("image_std");
  }
  members.read_colors("image_mean", s.image_mean);
  members.read_colors("image_std", s.image_std);
  members.read_flag("do_center_crop", s.do_center_crop);
  read_sides(members, "crop_size", s.crop_size);
  if (s.scheme != PictureScheme::kPixelBudget) {
    bool square = row.number_is_square;
    members.read_flag("default_to_square", square);
    if (const auto size = read_size(members, "size", square)) s.size = *size;
  }
  bool pads = false;
  members.read_flag("do_pad", pads);
  s.pad_to_square = row.pads && pads;
  if (s.scheme == PictureScheme::kWhole && !row.pads && pads &&
      read_size(members, "pad_size", true))
    throw UnsupportedError("{}: {} pads to {}, which isn't supported", members.origin(), row.name,
                           members.path("pad_size"));
  read_scheme(members, s);
  return s;
}

std::optional<PictureSettings> find_picture_settings(const CompanionFiles& files) {
  const auto processor = read_file(files, "processor_config.json");
  const auto is_inside = [](std::string_view path) { return path.starts_with("image_processor."); };
  const bool inside = processor && std::ranges::any_of(processor->paths(), is_inside);
  const auto own =
      inside ? std::optional<JsonMetadata>() : read_file(files, "preprocessor_config.json");
  if (!inside && (!own || is_of_sound(Members(*own, "")))) return std::nullopt;
  const auto config = read_file(files, "config.json");
  const auto model_type =
      config ? config->get_or<std::string_view>("model_type", "") : std::string_view();
  std::optional<PictureSettings> settings =
      inside ? read_picture_settings(*processor, "image_processor", model_type)
             : read_picture_settings(*own, "", model_type);
  // Its processor tells this image processor how large patches are, whatever its own settings say.
  if (processor && settings->scheme == PictureScheme::kPatchRows) {
    const Members members(*processor, "");
    settings->patch_size = {16, 16};
    read_sides(members, "patch_size", settings->patch_size);
    members.read_count("spatial_merge_size", settings->merge_size, 64);
  }
  return settings;
}

}  // namespace sirocco
