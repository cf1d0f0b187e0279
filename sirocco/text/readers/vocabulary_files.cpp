#include "sirocco/text/readers/vocabulary_files.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/readers/class_recipes.hpp"

namespace sirocco {
namespace {

/// A way to make a tokenizer of the files that hold its vocabulary.
struct TokenizerClass {
  std::string_view name;
  std::span<const RoleDefault> roles;
  std::span<const std::string_view> files;  // in the order of preference, or all of them
  bool needs_all;
  TokenizerDraft (*read)(const Folder& folder, FolderTokens& tokens);
};

// Files that hold a vocabulary in a form that isn't read here, and what they are.
constexpr std::pair<std::string_view, std::string_view> kForeign[] = {
    {"tekken.json", "a vocabulary of mistral-common"},
    {"tiktoken.model", "a vocabulary of tiktoken"},
    {"qwen.tiktoken", "a vocabulary of tiktoken"},
    {"cl100k_base.tiktoken", "a vocabulary of tiktoken"},
    {"o200k_base.tiktoken", "a vocabulary of tiktoken"},
};

// Files that some class is made of.
constexpr std::string_view kVocabularies[] = {
    "vocab.json",   "merges.txt", "vocab.txt",   "tokenizer.model", "sentencepiece.bpe.model",
    "spiece.model", "spm.model",  "vocab.model",
};

std::string joined(std::span<const std::string_view> names, std::string_view conjunction) {
  std::string out;
  for (const std::string_view name : names) {
    if (!out.empty()) out.append(conjunction);
    out.append(name);
  }
  return out;
}

[[noreturn]] void refuse_missing(const Folder& folder, const TokenizerClass& kind) {
  for (const auto& [name, what] : kForeign) {
    if (!folder.has(name)) continue;
    throw UnsupportedError("{}: {}, which isn't supported; {}", folder.files.origin(name), what,
                           kSaveAsJson);
  }
  std::vector<std::string_view> found;
  for (const std::string_view name : kVocabularies) {
    if (folder.has(name)) found.push_back(name);
  }
  const std::string there =
      found.empty() ? "" : ", and of what is there (" + joined(found, ", ") + ") none can be made";
  throw NotFound("{}: there is no such file{}; the tokenizer class {} wants {}; {}{}",
                 folder.files.origin("tokenizer.json"), there, folder.class_name,
                 joined(kind.files, kind.needs_all ? " with " : " or "), kSaveAsJson,
                 found.empty() ? "" : ", or name the class that it is in tokenizer_config.json");
}

constexpr RoleDefault kGpt2Roles[] = {
    {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}};
constexpr RoleDefault kQwen2Roles[] = {
    {"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}, {"pad_token", "<|endoftext|>"}};
constexpr RoleDefault kBertRoles[] = {{"unk_token", "[UNK]"},
                                      {"sep_token", "[SEP]"},
                                      {"pad_token", "[PAD]"},
                                      {"cls_token", "[CLS]"},
                                      {"mask_token", "[MASK]"}};
constexpr RoleDefault kGemmaRoles[] = {{"bos_token", "<bos>"},
                                       {"eos_token", "<eos>"},
                                       {"unk_token", "<unk>"},
                                       {"pad_token", "<pad>"},
                                       {"mask_token", "<mask>"}};
constexpr RoleDefault kXlmRobertaRoles[] = {
    {"bos_token", "<s>"},   {"eos_token", "</s>"}, {"unk_token", "<unk>"},  {"sep_token", "</s>"},
    {"pad_token", "<pad>"}, {"cls_token", "<s>"},  {"mask_token", "<mask>"}};

constexpr RoleDefault kClipRoles[] = {{"bos_token", "<|startoftext|>"},
                                      {"eos_token", "<|endoftext|>"},
                                      {"unk_token", "<|endoftext|>"},
                                      {"pad_token", "<|endoftext|>"}};
constexpr RoleDefault kT5Roles[] = {
    {"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};

constexpr std::string_view kMergeNames[] = {"vocab.json", "merges.txt"};
constexpr std::string_view kWordNames[] = {"vocab.txt"};

// "Fast" at the end of a name means nothing any more. The first serves where nothing else is known.
constexpr std::string_view kAnyClass = "PreTrainedTokenizerFast";
constexpr TokenizerClass kClasses[] = {
    {kAnyClass, {}, kModelNames, true, read_any},
    {"GPT2Tokenizer", kGpt2Roles, kMergeNames, true, read_gpt2},
    {"Qwen2Tokenizer", kQwen2Roles, kMergeNames, true, read_qwen2},
    {"BertTokenizer", kBertRoles, kWordNames, true, read_bert},
    {"LlamaTokenizer", kLlamaRoles, kModelNames, true, read_llama},
    {"CodeLlamaTokenizer", kCodeLlamaRoles, kModelNames, true, read_code_llama},
    {"GemmaTokenizer", kGemmaRoles, kModelNames, true, read_gemma},
    {"XLMRobertaTokenizer", kXlmRobertaRoles, kBpeModelNames, false, read_xlm_roberta},
    {"CLIPTokenizer", kClipRoles, kMergeNames, true, read_clip},
    {"T5Tokenizer", kT5Roles, kUnigramModelNames, true, read_t5},
};

// Other names of the same.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {
    {"PreTrainedTokenizer", kAnyClass},     {"TokenizersBackend", kAnyClass},
    {"PythonBackend", kAnyClass},           {"CodeGenTokenizer", "GPT2Tokenizer"},
    {"Phi3Tokenizer", "LlamaTokenizer"},    {"DistilBertTokenizer", "BertTokenizer"},
    {"ElectraTokenizer", "BertTokenizer"},  {"MobileBertTokenizer", "BertTokenizer"},
    {"ConvBertTokenizer", "BertTokenizer"},
};

// The class of a `model_type`. Some of those have it whatever their files name.
struct ModelClass {
  std::string_view model_type;
  std::string_view class_name;
  bool always = false;
};
constexpr ModelClass kModelClasses[] = {
    {"bert", "BertTokenizer"},
    {"clip", "CLIPTokenizer"},
    {"clip_text_model", "CLIPTokenizer"},
    {"gemma", "GemmaTokenizer"},
    {"gemma2", "GemmaTokenizer"},
    {"gemma3", "GemmaTokenizer"},
    {"gemma3_text", "GemmaTokenizer"},
    {"gpt2", "GPT2Tokenizer"},
    {"mistral", kAnyClass, true},
    {"mixtral", kAnyClass, true},
    {"phi", "GPT2Tokenizer"},
    {"qwen2", "Qwen2Tokenizer", true},
    {"qwen3", "Qwen2Tokenizer"},
    {"qwen3_moe", "Qwen2Tokenizer"},
    {"t5", "T5Tokenizer"},
};

const TokenizerClass* find_class(std::string_view name) {
  if (name.ends_with("Fast") && name != kAnyClass) name.remove_suffix(4);
  for (const auto& [other, same] : kOtherNames) {
    if (other == name) name = same;
  }
  const auto* const at = std::find_if(std::begin(kClasses), std::end(kClasses),
                                      [&](const auto& kind) { return kind.name == name; });
  return at == std::end(kClasses) ? nullptr : at;
}

/// The name of a class, and where it stands.
struct ClassName {
  std::string text;
  std::string where;
};

ClassName class_name_of(const TokenizerDocuments& documents) {
  const auto& model = documents.model_config;
  const std::string_view type = model ? model->text_or("model_type", "") : "";
  const auto* const implied =
      std::find_if(std::begin(kModelClasses), std::end(kModelClasses),
                   [&](const ModelClass& known) { return known.model_type == type; });
  if (implied != std::end(kModelClasses) && implied->always) {
    return {std::string(implied->class_name), model->where() + ": model_type"};
  }
  for (const auto& file : {documents.tokenizer_config, model}) {
    if (!file) continue;
    if (const auto named = file->find("tokenizer_class")) {
      return {std::string(named->text()), named->where()};
    }
  }
  if (implied == std::end(kModelClasses)) return {std::string(kAnyClass), ""};
  return {std::string(implied->class_name), model->where() + ": model_type"};
}

}  // namespace

std::span<const RoleDefault> class_roles(const TokenizerDocuments& documents) {
  const TokenizerClass* const kind = find_class(class_name_of(documents).text);
  return kind == nullptr ? std::span<const RoleDefault>() : kind->roles;
}

FolderTokenizer read_vocabulary_files(const CompanionFiles& files,
                                      const TokenizerDocuments& documents) {
  const ClassName name = class_name_of(documents);
  const TokenizerClass* const kind = find_class(name.text);
  if (kind == nullptr) {
    std::vector<std::string_view> known;
    for (const TokenizerClass& other : kClasses) known.push_back(other.name);
    throw UnsupportedError(
        "{}: there is no tokenizer.json, and without one the tokenizer class {} isn't supported; "
        "known are {}; {}",
        name.where, quoted(name.text), joined(known, ", "), kSaveAsJson);
  }
  const Folder folder{files, documents, kind->name};
  const auto is_there = [&](std::string_view file) { return folder.has(file); };
  const bool complete = kind->needs_all
                            ? std::all_of(kind->files.begin(), kind->files.end(), is_there)
                            : std::any_of(kind->files.begin(), kind->files.end(), is_there);
  if (!complete) refuse_missing(folder, *kind);
  FolderTokens tokens = read_folder_tokens(documents, kind->roles);
  TokenizerDraft draft = kind->read(folder, tokens);
  return {std::move(draft), std::move(tokens)};
}

}  // namespace sirocco
