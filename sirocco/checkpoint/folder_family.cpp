#include "sirocco/checkpoint/folder_family.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/canonical_encoder.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/known_names.hpp"

namespace sirocco {
namespace {

/// What stands behind a family's name in those of the classes that put a head of another task onto
/// the same layers.
constexpr std::array<std::string_view, 5> kOtherTasks = {
    "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
    "ForMultipleChoice", "ForNextSentencePrediction"};

/// Some were written before the libraries agreed on capital letters ("LLaMAForCausalLM").
bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// Whether a class is `known`, or has the layers of a known one without a head.
bool is_of_class(std::string_view name, std::string_view known) {
  if (same_letters(name, known)) return true;
  for (const std::string_view bare : {"TextModel", "Model"}) {
    if (!known.ends_with(bare)) continue;
    const std::string_view family = known.substr(0, known.size() - bare.size());
    if (!name.starts_with(family)) return false;
    return std::ranges::find(kOtherTasks, name.substr(family.size())) != kOtherTasks.end();
  }
  return false;
}

}  // namespace

const FolderSchema& find_schema(const Metadata& folder,
                                std::span<const FolderSchema* const> known) {
  const FolderDescription description(folder, nullptr);
  const auto type = description.said<std::string_view>("model_type");
  if (!type) {
    throw FormatError("{}: config.json has no 'model_type', so it is no Hugging Face model",
                      folder.origin());
  }
  std::vector<std::string_view> types;
  for (const FolderSchema* schema : known) {
    for (const std::string_view name : schema->model_types) {
      if (name == *type && (schema->applies == nullptr || schema->applies(description)))
        return *schema;
      if (std::ranges::find(types, name) == types.end()) types.push_back(name);
    }
  }
  throw UnsupportedError("{}: model type {} isn't supported; known are {}", folder.origin(),
                         quoted(*type), known_names(types, *type));
}

void check_class(const FolderSchema& schema, const Metadata& folder,
                 std::span<const EncoderSchema* const> encoders) {
  const auto* const named = folder.get_array<std::vector<std::string_view>>("config.architectures");
  if (named == nullptr || named->empty()) return;
  const EncoderSchema* const encoder = find_encoder(folder, encoders);
  for (const std::string_view name : *named) {
    const auto is_named = [&](std::string_view known) { return is_of_class(name, known); };
    if (std::ranges::any_of(schema.classes, is_named)) return;
    if (encoder != nullptr && std::ranges::any_of(encoder->of.classes, is_named)) return;
  }
  throw UnsupportedError("{}: is saved as {}, which isn't supported; of model type {} known are {}",
                         folder.origin(), quoted(named->front()), schema.model_types.front(),
                         fmt::join(schema.classes, ", "));
}

}  // namespace sirocco
