#include "sirocco/media/picture_classes.hpp"

#include <algorithm>
#include <array>

namespace sirocco {
namespace {

constexpr std::array kClipMean = {0.48145466, 0.4578275, 0.40821073};
constexpr std::array kClipStd = {0.26862954, 0.26130258, 0.27577711};

// What classes have where a file says nothing; transformers 5.24.

PictureSettings clip() {
  PictureSettings s;
  s.size = {.shortest_edge = 224};
  s.do_center_crop = true;
  s.crop_size = {224, 224};
  s.image_mean = kClipMean;
  s.image_std = kClipStd;
  return s;
}
PictureSettings siglip() {
  PictureSettings s;
  s.size = {.height = 224, .width = 224};
  return s;
}
PictureSettings llava_next() {
  PictureSettings s = clip();
  s.scheme = PictureScheme::kAnyResolution;
  s.grid_pinpoints = {{672, 336}, {336, 672}, {672, 672}, {336, 1008}, {1008, 336}};
  return s;
}
PictureSettings idefics2() {
  PictureSettings s;
  s.scheme = PictureScheme::kQuarters;
  s.resample = Resampling::kBilinear;
  s.size = {.shortest_edge = 378, .longest_edge = 980};
  return s;
}
PictureSettings idefics3() {
  PictureSettings s;
  s.scheme = PictureScheme::kTiles;
  s.resample = Resampling::kLanczos;
  s.size = {.longest_edge = 4 * 364};
  s.tile_side = 364;
  s.do_image_splitting = true;
  return s;
}
PictureSettings gemma3() {
  PictureSettings s = siglip();
  s.scheme = PictureScheme::kPanAndScan;
  s.resample = Resampling::kBilinear;
  return s;
}
PictureSettings qwen2_vl() {
  PictureSettings s = clip();
  s.scheme = PictureScheme::kPixelBudget;
  s.size = {.shortest_edge = 56 * 56, .longest_edge = 28 * 28 * 1280};
  s.do_center_crop = false;
  s.patch_size = {14, 14};
  s.merge_size = 2;
  return s;
}
PictureSettings pixtral() {
  PictureSettings s = clip();
  s.scheme = PictureScheme::kPatchRows;
  s.size = {.longest_edge = 1024};
  s.do_center_crop = false;
  s.crop_size = {};
  s.patch_size = {16, 16};
  return s;
}

constexpr std::array kClasses = {
    ProcessorClass{"CLIPImageProcessor", clip, false},
    ProcessorClass{"SiglipImageProcessor", siglip, false},
    ProcessorClass{"LlavaImageProcessor", clip, false, true},
    ProcessorClass{"LlavaNextImageProcessor", llava_next, false},
    ProcessorClass{"Idefics2ImageProcessor", idefics2, false},
    ProcessorClass{"Idefics3ImageProcessor", idefics3, true},
    ProcessorClass{"SmolVLMImageProcessor", idefics3, true},
    ProcessorClass{"Gemma3ImageProcessor", gemma3, true},
    ProcessorClass{"Qwen2VLImageProcessor", qwen2_vl, false},
    ProcessorClass{"PixtralImageProcessor", pixtral, true},
};

/// The class where no file names one: the model's.
struct ModelProcessor {
  std::string_view model_type;
  std::string_view name;
};
constexpr std::array kModels = {
    ModelProcessor{"clip", "CLIPImageProcessor"},
    ModelProcessor{"vipllava", "CLIPImageProcessor"},
    ModelProcessor{"siglip", "SiglipImageProcessor"},
    ModelProcessor{"paligemma", "SiglipImageProcessor"},
    ModelProcessor{"gemma3n", "SiglipImageProcessor"},
    ModelProcessor{"llava", "LlavaImageProcessor"},
    ModelProcessor{"llava_next", "LlavaNextImageProcessor"},
    ModelProcessor{"idefics2", "Idefics2ImageProcessor"},
    ModelProcessor{"idefics3", "Idefics3ImageProcessor"},
    ModelProcessor{"smolvlm", "SmolVLMImageProcessor"},
    ModelProcessor{"gemma3", "Gemma3ImageProcessor"},
    ModelProcessor{"shieldgemma2", "Gemma3ImageProcessor"},
    ModelProcessor{"qwen2_vl", "Qwen2VLImageProcessor"},
    ModelProcessor{"qwen2_5_vl", "Qwen2VLImageProcessor"},
    ModelProcessor{"qwen3_vl", "Qwen2VLImageProcessor"},
    ModelProcessor{"qwen3_vl_moe", "Qwen2VLImageProcessor"},
    ModelProcessor{"pixtral", "PixtralImageProcessor"},
    ModelProcessor{"mistral3", "PixtralImageProcessor"},
};

}  // namespace

const ProcessorClass* find_processor_class(std::string_view name) {
  for (const std::string_view suffix : {"Fast", "Pil"}) {
    if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  }
  const auto* const found = std::ranges::find(kClasses, name, &ProcessorClass::name);
  return found == kClasses.end() ? nullptr : found;
}

std::string_view processor_class_of_model(std::string_view model_type) {
  const auto* const found = std::ranges::find(kModels, model_type, &ModelProcessor::model_type);
  return found == kModels.end() ? std::string_view() : found->name;
}

std::string processor_class_names() {
  std::string names;
  for (const ProcessorClass& row : kClasses) {
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

}  // namespace sirocco
