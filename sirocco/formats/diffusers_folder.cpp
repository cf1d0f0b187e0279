#include "sirocco/formats/diffusers_folder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/folder.hpp"
#include "sirocco/formats/folder_files.hpp"
#include "sirocco/formats/json_value.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndex = "model_index.json";

// Which files hold a part.
constexpr FolderLayout kTextModel{};
constexpr FolderLayout kPictureModel{.weights = "diffusion_pytorch_model"};
constexpr FolderLayout kTokenizerFiles{.config = {}, .weights = {}};
constexpr FolderLayout kSettings{.config = "scheduler_config.json", .weights = {}};

/// A part that pipelines have, and its classes by their names today and before.
struct KnownPart {
  PartRole role;
  std::string_view name;
  std::array<std::string_view, 2> classes;
  const FolderLayout& layout;
};
constexpr std::array kFluxParts = {
    KnownPart{PartRole::kTransformer, "transformer", {"FluxTransformer2DModel"}, kPictureModel},
    KnownPart{PartRole::kVae, "vae", {"AutoencoderKL"}, kPictureModel},
    KnownPart{PartRole::kTextEncoder, "text_encoder", {"CLIPTextModel"}, kTextModel},
    KnownPart{PartRole::kTextEncoder2, "text_encoder_2", {"T5EncoderModel"}, kTextModel},
    KnownPart{
        PartRole::kTokenizer, "tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"}, kTokenizerFiles},
    KnownPart{
        PartRole::kTokenizer2, "tokenizer_2", {"T5Tokenizer", "T5TokenizerFast"}, kTokenizerFiles},
    KnownPart{PartRole::kScheduler, "scheduler", {"FlowMatchEulerDiscreteScheduler"}, kSettings},
};
constexpr std::array<std::string_view, 3> kFluxPipelines = {"FluxPipeline", "FluxImg2ImgPipeline",
                                                            "FluxInpaintPipeline"};
/// Parts that only adapters for pictures as prompts use.
constexpr std::array<std::string_view, 2> kUnused = {"image_encoder", "feature_extractor"};

const KnownPart& part_of(PartRole role) {
  const auto* const found = std::ranges::find(kFluxParts, role, &KnownPart::role);
  SIROCCO_CHECK(found != kFluxParts.end());
  return *found;
}

std::string classes_of(const KnownPart& part) {
  std::string out;
  for (const std::string_view name : part.classes)
    if (!name.empty()) out += fmt::format("{}{}", out.empty() ? "" : ", ", name);
  return out;
}

/// The class that ["library", "Class"] names; nothing for [null, null], a part left out, and for
/// members that are settings.
std::optional<std::string> class_named(const JsonValue::Member& member, const std::string& origin) {
  const auto* const pair = member.value.as<JsonValue::Array>();
  if (pair == nullptr || member.name.starts_with('_')) return std::nullopt;
  if (pair->size() == 2) {
    const auto is_null = [](const JsonValue& v) { return v.as<std::nullptr_t>() != nullptr; };
    if (is_null((*pair)[0]) && is_null((*pair)[1])) return std::nullopt;
    const auto* const name = (*pair)[1].as<std::string>();
    if (name != nullptr && !name->empty() && (*pair)[0].as<std::string>() != nullptr) return *name;
  }
  throw FormatError("{}: part {} isn't described by the names of a library and a class", origin,
                    sirocco::quoted(member.name));
}

}  // namespace

bool DiffusersFolder::is_at(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kIndex, ignored);
}

DiffusersFolder::DiffusersFolder(fs::path folder) : folder_(std::move(folder)) {
  const FolderFiles files(folder_);
  const std::string origin = files.origin(kIndex);
  const auto text = files.find(kIndex);
  if (!text) {
    throw NotFound("{}: no {} is here, so it is no folder of diffusers", printable(folder_),
                   kIndex);
  }
  const JsonValue index = parse_json_description(*text, origin);
  const JsonValue* const pipeline = index.member("_class_name");
  const auto* const name = pipeline == nullptr ? nullptr : pipeline->as<std::string>();
  if (name == nullptr) throw FormatError("{}: no '_class_name' says which pipeline it is", origin);
  if (std::ranges::find(kFluxPipelines, *name) == kFluxPipelines.end()) {
    throw UnsupportedError("{}: pipeline {} isn't supported; known are {}", origin,
                           sirocco::quoted(*name), fmt::join(kFluxPipelines, ", "));
  }
  pipeline_ = *name;
  for (const JsonValue::Member& member : *index.as<JsonValue::Object>()) {
    std::optional<std::string> found = class_named(member, origin);
    if (!found || std::ranges::find(kUnused, member.name) != kUnused.end()) continue;
    const auto* const part = std::ranges::find(kFluxParts, member.name, &KnownPart::name);
    if (part == kFluxParts.end()) {
      std::vector<std::string_view> known;
      for (const KnownPart& other : kFluxParts) known.push_back(other.name);
      throw UnsupportedError("{}: part {} is a {}, but parts of a {} are {}", origin,
                             sirocco::quoted(member.name), sirocco::quoted(*found), pipeline_,
                             fmt::join(known, ", "));
    }
    if (std::ranges::find(part->classes, *found) == part->classes.end()) {
      throw UnsupportedError("{}: part {} is a {}, which isn't supported; known are {}", origin,
                             sirocco::quoted(part->name), sirocco::quoted(*found),
                             classes_of(*part));
    }
    classes_.emplace(part->role, std::move(*found));
  }
}

Checkpoint DiffusersFolder::open(PartRole role) const {
  const KnownPart& part = part_of(role);
  const auto named = classes_.find(role);
  if (named == classes_.end()) {
    throw NotFound("{}: names no part {}, which would be a {}; the pipeline was saved without it",
                   printable(folder_ / kIndex), sirocco::quoted(part.name), classes_of(part));
  }
  const fs::path folder = folder_ / part.name;
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    throw NotFound("{}: there is no such folder, which {} says holds a {}; fetch it too",
                   printable(folder), kIndex, named->second);
  }
  Checkpoint opened = open_folder(folder, part.layout);
  const auto own = opened.metadata->get<std::string_view>("config._class_name");
  if (own && *own != named->second) {
    throw FormatError("{}: is a {} by its own description, but a {} by {}; parts were exchanged",
                      printable(folder), sirocco::quoted(*own), named->second, kIndex);
  }
  return opened;
}

}  // namespace sirocco
