#include "sirocco/formats/sentence_modules.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_value.hpp"

namespace sirocco {
namespace {

/// One JSON file of a folder, which is an object or an array.
class JsonFile {
 public:
  JsonFile(const CompanionFiles& files, const std::string& name)
      : origin_(files.origin(name)), text_(files.find(name)) {
    if (text_) root_ = parse_json(*text_, origin_);
  }
  explicit operator bool() const { return text_.has_value(); }
  const std::string& origin() const { return origin_; }
  const JsonValue& root() const { return root_; }

  /// The member `name` of `object` when it is there and no null; FormatError for another type.
  template <class T>
  const T* get(const JsonValue& object, std::string_view name) const {
    const JsonValue* member = object.member(name);
    if (member == nullptr || member->as<std::nullptr_t>() != nullptr) return nullptr;
    const T* value = member->as<T>();
    if (value == nullptr) {
      throw FormatError("{}: member {} is of another type than expected", origin_,
                        sirocco::quoted(name));
    }
    return value;
  }

 private:
  std::string origin_;
  std::optional<std::string_view> text_;
  JsonValue root_;
};

struct PoolingName {
  std::string_view flag;     ///< in files up to version 5
  std::string_view mode;     ///< since then
  std::string_view pooling;  ///< as it is called here; empty: not supported
};
constexpr std::array kPoolings = {
    PoolingName{"pooling_mode_mean_tokens", "mean", "mean"},
    PoolingName{"pooling_mode_cls_token", "cls", "cls"},
    PoolingName{"pooling_mode_lasttoken", "lasttoken", "last"},
    PoolingName{"pooling_mode_max_tokens", "max", ""},
    PoolingName{"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", ""},
    PoolingName{"pooling_mode_weightedmean_tokens", "weightedmean", ""},
};

std::string read_pooling(const CompanionFiles& files, const std::string& folder) {
  const JsonFile file(files, folder + "/config.json");
  if (!file)
    throw FormatError("{}: modules.json names it, but there is no such file", file.origin());
  const auto* mode = file.get<std::string>(file.root(), "pooling_mode");
  std::vector<const PoolingName*> chosen;
  for (const PoolingName& name : kPoolings) {
    const auto* flag = file.get<bool>(file.root(), name.flag);
    if (mode != nullptr ? *mode == name.mode : flag != nullptr && *flag) chosen.push_back(&name);
  }
  if (chosen.size() != 1 || chosen.front()->pooling.empty()) {
    throw UnsupportedError(
        "{}: a pooling by {}; supported are mean, cls and lasttoken, one of them", file.origin(),
        chosen.size() == 1 ? std::string(chosen.front()->mode)
        : mode != nullptr  ? sirocco::quoted(*mode)
                           : fmt::format("{} modes", chosen.size()));
  }
  const auto* with_prompt = file.get<bool>(file.root(), "include_prompt");
  if (with_prompt != nullptr && !*with_prompt) {
    throw UnsupportedError("{}: a pooling that leaves the prompt out isn't supported",
                           file.origin());
  }
  return std::string(chosen.front()->pooling);
}

/// Only what says that it does nothing else than multiply.
void check_dense(const CompanionFiles& files, const std::string& folder) {
  const JsonFile file(files, folder + "/config.json");
  if (!file)
    throw FormatError("{}: modules.json names it, but there is no such file", file.origin());
  const auto* activation = file.get<std::string>(file.root(), "activation_function");
  if (activation == nullptr) return;
  if (activation->substr(activation->rfind('.') + 1) != "Identity") {
    throw UnsupportedError("{}: a Dense module with the activation {}; supported is Identity",
                           file.origin(), sirocco::quoted(*activation));
  }
}

void read_prompts(const CompanionFiles& files, SentenceModules& out) {
  const JsonFile file(files, "config_sentence_transformers.json");
  if (!file) return;
  if (const auto* prompts = file.get<JsonValue::Object>(file.root(), "prompts")) {
    for (const JsonValue::Member& prompt : *prompts) {
      const auto* text = prompt.value.as<std::string>();
      if (text == nullptr) {
        throw FormatError("{}: prompt {} is no text", file.origin(), sirocco::quoted(prompt.name));
      }
      out.prompts.emplace(prompt.name, *text);
    }
  }
  const auto* name = file.get<std::string>(file.root(), "default_prompt_name");
  if (name == nullptr) return;
  if (!out.prompts.contains(*name)) {
    throw FormatError("{}: the default prompt {} is none of the prompts", file.origin(),
                      sirocco::quoted(*name));
  }
  out.default_prompt = *name;
}

}  // namespace

SentenceModules read_sentence_modules(const CompanionFiles& files) {
  SentenceModules out;
  const JsonFile modules(files, "modules.json");
  if (!modules) return out;
  const auto* list = modules.root().as<JsonValue::Array>();
  if (list == nullptr) throw FormatError("{}: an array was expected", modules.origin());
  bool normalized = false;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const JsonValue& module = (*list)[i];
    const auto* type = modules.get<std::string>(module, "type");
    const auto* path = modules.get<std::string>(module, "path");
    if (type == nullptr || path == nullptr)
      throw FormatError("{}: module {} has no type or no path", modules.origin(), i);
    const std::string_view kind = std::string_view(*type).substr(type->rfind('.') + 1);
    if (kind == "Transformer" && i == 0 && path->empty()) continue;
    if (kind == "Pooling" && i == 1) {
      out.pooling = read_pooling(files, *path);
    } else if (kind == "Dense" && i > 1 && !normalized) {
      check_dense(files, *path);
      ++out.dense;
    } else if (kind == "Normalize" && i > 1) {
      normalized = true;
    } else {
      throw UnsupportedError(
          "{}: module {} is {} in {}; supported is a Transformer in the folder itself, then "
          "Pooling, any number of Dense, and Normalize",
          modules.origin(), i, sirocco::quoted(*type), sirocco::quoted(*path));
    }
  }
  read_prompts(files, out);
  if (const JsonFile config(files, "sentence_bert_config.json"); config) {
    if (const auto* most = config.get<std::int64_t>(config.root(), "max_seq_length"))
      out.max_tokens = *most;
  }
  return out;
}

}  // namespace sirocco
