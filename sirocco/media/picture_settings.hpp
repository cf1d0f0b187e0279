#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/media/resize.hpp"
#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// A PictureScheme is what becomes of a picture: how many tiles, of which parts of it.
enum class PictureScheme {
  kWhole,          ///< one tile: resized, its middle cut out (CLIP, SigLIP, LLaVA)
  kAnyResolution,  ///< the whole, then tiles of it on the grid that fits best (LLaVA-NeXT)
  kTiles,          ///< tiles of the picture scaled to a longest edge, then the whole (Idefics3)
  kQuarters,       ///< its four quarters, then the whole (Idefics2)
  kPanAndScan,     ///< the whole, then slices of a long one (Gemma 3)
  kPixelBudget,    ///< one tile of whole patches, within a number of pixels (Qwen2-VL)
  kPatchRows,      ///< one tile of whole patches, within a longest edge (Pixtral)
};

/// A SizeRule says how large a picture becomes, by the members of `size` in Hugging Face's files; 0
/// stands for one that isn't there.
struct SizeRule {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t shortest_edge = 0;  ///< for kPixelBudget the least number of pixels
  std::int64_t longest_edge = 0;   ///< for kPixelBudget the largest number of pixels
  std::int64_t max_height = 0;
  std::int64_t max_width = 0;

  friend bool operator==(const SizeRule&, const SizeRule&) = default;
};

/// PictureSettings are what a checkpoint says of its pictures: plain values, named as in
/// preprocessor_config.json where there is a name for them.
struct PictureSettings {
  PictureScheme scheme = PictureScheme::kWhole;

  bool do_resize = true;
  SizeRule size;
  Resampling resample = Resampling::kBicubic;

  /// Of kWhole, kAnyResolution and kPatchRows: the middle of what was resized, over black where it
  /// is smaller.
  bool do_center_crop = false;
  PictureSize crop_size;

  /// Values of pixels: byte * rescale_factor, then (value - mean) / std, in float32 each.
  bool do_rescale = true;
  double rescale_factor = 1.0 / 255;
  bool do_normalize = true;
  std::array<double, 3> image_mean = {0.5, 0.5, 0.5};
  std::array<double, 3> image_std = {0.5, 0.5, 0.5};

  bool pad_to_square = false;       ///< of kWhole: first, with the mean color (LLaVA's do_pad)
  bool do_image_splitting = false;  ///< of kTiles and kQuarters
  std::int64_t tile_side = 0;       ///< of kTiles: max_image_size.longest_edge
  std::vector<PictureSize> grid_pinpoints;  ///< of kAnyResolution, at least one

  bool do_pan_and_scan = false;  ///< of kPanAndScan, with the three below
  std::int64_t pan_and_scan_min_crop_size = 0;
  std::int64_t pan_and_scan_max_num_crops = 0;
  double pan_and_scan_min_ratio_to_activate = 0;

  PictureSize patch_size;       ///< of kPixelBudget and kPatchRows
  std::int64_t merge_size = 1;  ///< patches a side that become one row of the language model's

  friend bool operator==(const PictureSettings&, const PictureSettings&) = default;
};

/// The settings at `prefix` of `metadata` ("preprocessor_config",
/// "processor_config.image_processor"; empty: on top), which name an image processor of
/// transformers. Members that aren't there are the defaults of its class in transformers 5.24, with
/// or without "Fast" or "Pil" behind its name. Throws UnsupportedError, with the classes that are
/// known, for another class; FormatError naming the member for a value that can't be.
PictureSettings read_picture_settings(const Metadata& metadata, std::string_view prefix,
                                      std::string_view model_type = {});

/// The settings in the files of a checkpoint, or nothing where it has none (those of sound, by a
/// feature extractor that isn't known, are none): as transformers looks
/// for them, the member image_processor of processor_config.json, then preprocessor_config.json;
/// the model's type is that of config.json. For kPatchRows the patches are those of
/// processor_config.json, where it is there. Throws as `read_picture_settings`.
std::optional<PictureSettings> find_picture_settings(const CompanionFiles& files);

}  // namespace sirocco
