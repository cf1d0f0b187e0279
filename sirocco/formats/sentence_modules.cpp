#include "sirocco/formats/sentence_modules.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
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

/// A member that must have this value where it is there and no null: what else it may ask for isn't
/// done.
struct FixedMember {
  std::string_view name;
  std::string_view value;  ///< text as it is; true and false as in JSON; "null": nothing
};
/// Between which results a module stands.
constexpr std::array kBetweenEmbeddings = {
    FixedMember{"module_input_name", "sentence_embedding"},
    FixedMember{"module_output_name", "sentence_embedding"},
};
constexpr std::array kOfDense = {FixedMember{"use_residual", "false"}};
constexpr std::array kOfTransformer = {
    FixedMember{"transformer_task", "feature-extraction"},
    FixedMember{"module_output_name", "token_embeddings"},
    FixedMember{"processing_kwargs", "null"},
    FixedMember{"query_length", "null"},
    FixedMember{"document_length", "null"},
    FixedMember{"query_expansion", "null"},
};
constexpr std::array kOfModel = {FixedMember{"model_type", "SentenceTransformer"}};

/// A value as FixedMember has it; an object without members says nothing.
std::string_view spelled(const JsonValue& value) {
  if (const auto* text = value.as<std::string>()) return *text;
  if (const auto* flag = value.as<bool>()) return *flag ? "true" : "false";
  const auto* const object = value.as<JsonValue::Object>();
  const bool nothing = value.as<std::nullptr_t>() != nullptr || (object && object->empty());
  return nothing ? "null" : "given";
}

void check_fixed(const JsonFile& file, std::span<const FixedMember> members) {
  for (const FixedMember& fixed : members) {
    const JsonValue* const member = file.root().member(fixed.name);
    const std::string_view said = member == nullptr ? "null" : spelled(*member);
    if (said == "null" || said == fixed.value) continue;
    throw UnsupportedError("{}: member {} is {}, but only {} is supported", file.origin(),
                           sirocco::quoted(fixed.name), sirocco::quoted(said), fixed.value);
  }
}

/// Only what says that it does nothing else than multiply.
void check_dense(const CompanionFiles& files, const std::string& folder) {
  const JsonFile file(files, folder + "/config.json");
  if (!file)
    throw FormatError("{}: modules.json names it, but there is no such file", file.origin());
  check_fixed(file, kBetweenEmbeddings);
  check_fixed(file, kOfDense);
  const auto* activation = file.get<std::string>(file.root(), "activation_function");
  // Where nothing is said, sentence-transformers has a hyperbolic tangent.
  const std::string_view name = activation == nullptr ? "Tanh" : std::string_view(*activation);
  if (name.substr(name.rfind('.') + 1) != "Identity") {
    throw UnsupportedError("{}: a Dense module with the activation {}; supported is Identity",
                           file.origin(), sirocco::quoted(name));
  }
}

/// Older versions write no file for it.
void check_normalize(const CompanionFiles& files, const std::string& folder) {
  if (const JsonFile file(files, folder + "/config.json"); file)
    check_fixed(file, kBetweenEmbeddings);
}

void read_prompts(const CompanionFiles& files, SentenceModules& out) {
  const JsonFile file(files, "config_sentence_transformers.json");
  if (!file) return;
  check_fixed(file, kOfModel);
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

/// The file that describes the Transformer: the first of these names that is there, of which older
/// versions wrote the one of the model's kind.
std::string transformer_file(const CompanionFiles& files) {
  constexpr std::array kNames = {
      "sentence_bert_config.json",       "sentence_roberta_config.json",
      "sentence_distilbert_config.json", "sentence_camembert_config.json",
      "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
      "sentence_xlnet_config.json",
  };
  for (const char* name : kNames)
    if (files.find(name)) return name;
  return kNames.front();
}

/// The tokens of a text that count: as the module says, or else the tokenizer, which writes a
/// number beyond all bounds for "no limit".
std::int64_t read_max_tokens(const CompanionFiles& files, const JsonFile& module) {
  if (module) {
    if (const auto* max = module.get<std::int64_t>(module.root(), "max_seq_length")) return *max;
  }
  const JsonFile tokenizer(files, "tokenizer_config.json");
  const JsonValue* const max = tokenizer ? tokenizer.root().member("model_max_length") : nullptr;
  const auto* const number = max == nullptr ? nullptr : max->as<std::int64_t>();
  return number == nullptr ? 0 : *number;
}

}  // namespace

SentenceModules read_sentence_modules(const CompanionFiles& files) {
  SentenceModules out;
  const JsonFile modules(files, "modules.json");
  if (!modules) return out;
  const auto* list = modules.root().as<JsonValue::Array>();
  if (list == nullptr) throw FormatError("{}: an array was expected", modules.origin());
  out.normalize = false;
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
    } else if (kind == "Dense" && i > 1 && !*out.normalize) {
      check_dense(files, *path);
      ++out.dense;
    } else if (kind == "Normalize" && i > 1) {
      check_normalize(files, *path);
      out.normalize = true;
    } else {
      throw UnsupportedError(
          "{}: module {} is {} in {}; supported is a Transformer in the folder itself, then "
          "Pooling, any number of Dense, and Normalize",
          modules.origin(), i, sirocco::quoted(*type), sirocco::quoted(*path));
    }
  }
  read_prompts(files, out);
  const JsonFile transformer(files, transformer_file(files));
  if (transformer) {
    check_fixed(transformer, kOfTransformer);
    const auto* const lowers = transformer.get<bool>(transformer.root(), "do_lower_case");
    out.lowercase = lowers != nullptr && *lowers;
  }
  out.max_tokens = read_max_tokens(files, transformer);
  return out;
}

}  // namespace sirocco
