#include "sirocco/formats/folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/folder_files.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/formats/safetensors.hpp"
#include "sirocco/formats/shards.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModuleWeights = "model.safetensors";

/// The JSON files that are metadata, and what of them is not: it is long, and text/ reads it from
/// the file.
struct Described {
  std::string_view file;
  std::string_view prefix;
  std::array<std::string_view, 2> without;
};
constexpr std::array kDescriptions = {
    Described{"generation_config.json", "generation_config", {}},
    Described{
        "tokenizer_config.json", "tokenizer_config", {"added_tokens_decoder", "chat_template"}},
};

/// Weights in other formats, by what their names end in.
struct ForeignWeights {
  std::string_view ending;
  std::string_view advice;  ///< {}: the file that should be there
};
constexpr std::array kForeignWeights = {
    ForeignWeights{".gguf", "name that file instead of its folder"},
    ForeignWeights{"adapter_model.safetensors",
                   "an adapter is no model of its own: merge it into its model"},
    ForeignWeights{".safetensors", "rename it to {} if it is the whole model"},
    ForeignWeights{".bin", "convert it to safetensors"},
    ForeignWeights{".pth", "convert it to safetensors"},
    ForeignWeights{".pt", "convert it to safetensors"},
    ForeignWeights{".h5", "convert it to safetensors"},
    ForeignWeights{".msgpack", "convert it to safetensors"},
};

/// A file of the folder that isn't what it should be, and what to do about it; empty without.
std::string foreign_weights(const fs::path& folder, std::string_view whole) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder, error))
    names.push_back(entry.path().filename().native());
  std::ranges::sort(names);
  for (const ForeignWeights& foreign : kForeignWeights) {
    const auto found = std::ranges::find_if(
        names, [&](const std::string& name) { return name.ends_with(foreign.ending); });
    if (found != names.end())
      return fmt::format(", but {}: {}", sirocco::quoted(*found),
                         fmt::format(fmt::runtime(foreign.advice), whole));
  }
  return "";
}

JsonMetadata read_descriptions(const FolderFiles& files, const fs::path& folder,
                               std::string_view config) {
  JsonMetadata metadata(printable(folder));
  if (!config.empty())
    metadata.add("config", parse_json_description(*files.find(config), files.origin(config)));
  for (const Described& description : kDescriptions) {
    const auto text = files.find(description.file);
    if (!text) continue;
    JsonValue document = parse_json_description(*text, files.origin(description.file));
    std::erase_if(
        std::get<JsonValue::Object>(document.value), [&](const JsonValue::Member& member) {
          return std::ranges::find(description.without, member.name) != description.without.end();
        });
    metadata.add(description.prefix, document);
  }
  metadata.finish();
  return metadata;
}

/// Where the index says that each tensor is.
std::vector<TensorPlace> read_index(std::string_view text, const std::string& origin) {
  const JsonValue index = parse_json_description(text, origin);
  const JsonValue* const map = index.member("weight_map");
  const auto* const members = map == nullptr ? nullptr : map->as<JsonValue::Object>();
  if (members == nullptr || members->empty()) {
    throw FormatError(
        "{}: no 'weight_map' that says which file holds which tensor; the file is "
        "damaged: fetch it again",
        origin);
  }
  std::vector<TensorPlace> out;
  for (const JsonValue::Member& member : *members) {
    const auto* const shard = member.value.as<std::string>();
    if (shard == nullptr || !shard->ends_with(".safetensors") ||
        shard->find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      throw FormatError(
          "{}: tensor {} is said to be in {}, which is no .safetensors file of this "
          "folder",
          origin, sirocco::quoted(member.name),
          shard == nullptr ? "something that is no string" : sirocco::quoted(*shard));
    }
    out.push_back({member.name, *shard});
  }
  return out;
}

/// The projections that sentence-transformers puts behind a model, each in a folder N_Dense of its
/// own: their tensors are "modules.N.linear.weight" and so on.
void add_modules(const FolderFiles& files, const fs::path& folder,
                 std::vector<SafetensorsEntry>& entries, std::vector<MappedFile>& opened) {
  constexpr std::string_view kModules = "modules.json";
  constexpr std::string_view kEnding = "_Dense";
  const auto text = files.find(kModules);
  if (!text) return;
  const JsonValue modules = parse_json(*text, files.origin(kModules));
  const auto* const list = modules.as<JsonValue::Array>();
  if (list == nullptr) throw FormatError("{}: is no JSON array", files.origin(kModules));
  for (const JsonValue& module : *list) {
    const JsonValue* const path = module.member("path");
    const auto* const name = path == nullptr ? nullptr : path->as<std::string>();
    if (name == nullptr || !name->ends_with(kEnding)) continue;
    const std::string number = name->substr(0, name->size() - kEnding.size());
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) continue;
    opened.emplace_back(folder / *name / kModuleWeights);
    const std::string origin = printable(opened.back().path());
    for (SafetensorsEntry& entry : parse_safetensors(opened.back().bytes(), origin)) {
      entry.name = fmt::format("modules.{}.{}", number, entry.name);
      entries.push_back(std::move(entry));
    }
  }
}

/// What config.json says of the scales of F8_E4M3 tensors.
ScaleBlock read_scale_block(const Metadata& metadata) {
  constexpr std::string_view kBlock = "config.quantization_config.weight_block_size";
  const auto* const sides = metadata.get_array<std::vector<std::int64_t>>(kBlock);
  if (sides == nullptr) return {};
  if (sides->size() != 2 || std::ranges::min(*sides) < 1) {
    throw FormatError("{}: {} is [{}]; expected rows and columns", metadata.origin(),
                      quoted(kBlock), fmt::join(*sides, ", "));
  }
  return {(*sides)[0], (*sides)[1]};
}

/// As in transformers, a whole file comes before an index, which may be that of another split.
std::shared_ptr<const WeightSource> open_weights(const FolderFiles& files, const fs::path& folder,
                                                 std::string_view stem, ScaleBlock block) {
  const std::string whole = fmt::format("{}.safetensors", stem);
  const std::string index = whole + ".index.json";
  Shards opened;
  std::string origin = printable(folder);
  std::error_code error;
  if (fs::exists(folder / whole, error)) {
    opened.files.emplace_back(folder / whole);
    origin = printable(opened.files.back().path());
    opened.entries = parse_safetensors(opened.files.back().bytes(), origin);
  } else if (const auto text = files.find(index)) {
    const std::string index_origin = files.origin(index);
    opened = open_shards(folder, read_index(*text, index_origin), index_origin);
  } else {
    throw NotFound("{}: no weights: neither {} nor {} is here{}", origin, whole, index,
                   foreign_weights(folder, whole));
  }
  add_modules(files, folder, opened.entries, opened.files);
  return make_safetensors_weights(opened.entries, std::move(opened.files), std::move(origin), block,
                                  opened.absent);
}

}  // namespace

Checkpoint open_folder(const fs::path& folder, const FolderLayout& layout) {
  auto files = std::make_shared<const FolderFiles>(folder);
  if (!layout.config.empty() && !files->find(layout.config)) {
    if (files->find("model_index.json")) {
      throw UnsupportedError(
          "{}: a model that draws (model_index.json), which is loaded as one: `sirocco imagine`",
          printable(folder));
    }
    throw NotFound("{}: no {} is here, so it is no folder of a Hugging Face model{}",
                   printable(folder), layout.config,
                   layout.weights.empty()
                       ? ""
                       : foreign_weights(folder, fmt::format("{}.safetensors", layout.weights)));
  }
  auto metadata =
      std::make_shared<const JsonMetadata>(read_descriptions(*files, folder, layout.config));
  if (layout.weights.empty()) return {std::move(metadata), nullptr, std::move(files)};
  auto weights = open_weights(*files, folder, layout.weights, read_scale_block(*metadata));
  return {std::move(metadata), std::move(weights), std::move(files)};
}

}  // namespace sirocco
