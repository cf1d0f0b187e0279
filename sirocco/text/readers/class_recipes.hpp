#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/text/readers/folder_tokens.hpp"
#include "sirocco/text/readers/tokenizer_documents.hpp"
#include "sirocco/text/readers/tokenizer_draft.hpp"

// How the tokenizer classes of `transformers` 5.24 make a tokenizer of a vocabulary without a
// tokenizer.json.
namespace sirocco {

/// A NamedFile is a file of a folder, and its name in messages.
struct NamedFile {
  std::string_view bytes;
  std::string origin;
};

/// A Folder is what a class is asked to make a tokenizer of, and the name of the class.
struct Folder {
  const CompanionFiles& files;
  const TokenizerDocuments& documents;
  std::string_view class_name;

  bool has(std::string_view name) const { return files.find(name).has_value(); }
  /// The file of that name. Throws NotFound.
  NamedFile file(std::string_view name) const;

  /// A setting of tokenizer_config.json.
  bool flag(std::string_view name, bool fallback) const {
    return documents.tokenizer_config ? documents.tokenizer_config->flag_or(name, fallback)
                                      : fallback;
  }
  /// A setting that null denies.
  bool flag_unless_null(std::string_view name, bool fallback) const {
    const auto& config = documents.tokenizer_config;
    return config && config->has(name) ? config->flag_or(name, false) : fallback;
  }
};

/// What to do about a folder whose vocabulary can't be read.
inline constexpr std::string_view kSaveAsJson =
    "save it as tokenizer.json (AutoTokenizer.from_pretrained(…).save_pretrained(…) of "
    "transformers does)";

/// The names that a model of SentencePiece has in a folder, the first first.
inline constexpr std::string_view kModelNames[] = {"tokenizer.model"};
inline constexpr std::string_view kBpeModelNames[] = {"tokenizer.model", "sentencepiece.bpe.model"};
inline constexpr std::string_view kUnigramModelNames[] = {"spiece.model"};

inline constexpr RoleDefault kLlamaRoles[] = {
    {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}};
inline constexpr RoleDefault kCodeLlamaRoles[] = {{"bos_token", "<s>"},
                                                  {"eos_token", "</s>"},
                                                  {"unk_token", "<unk>"},
                                                  {"prefix_token", "\xE2\x96\x81<PRE>"},
                                                  {"middle_token", "\xE2\x96\x81<MID>"},
                                                  {"suffix_token", "\xE2\x96\x81<SUF>"},
                                                  {"eot_token", "\xE2\x96\x81<EOT>"},
                                                  {"fill_token", "<FILL_ME>"}};

/// The text of the token with this role, or an empty one.
std::string text_of(const FolderTokens& tokens, std::string_view role);

/// What puts the tokens of these roles around a text, as far as they are there.
std::function<Surroundings(const Vocabulary&)> put_around(const FolderTokens& tokens,
                                                          std::string_view before,
                                                          std::string_view after);

// Of vocab.json and merges.txt, of vocab.txt: in word_recipes.cpp.
TokenizerDraft read_gpt2(const Folder& folder, FolderTokens& tokens);
TokenizerDraft read_qwen2(const Folder& folder, FolderTokens& tokens);
TokenizerDraft read_clip(const Folder& folder, FolderTokens& tokens);
TokenizerDraft read_bert(const Folder& folder, FolderTokens& tokens);

// Of a model of SentencePiece: in piece_recipes.cpp. The last is for folders whose class has no
// recipe of its own; the file itself gives roles to tokens then.
TokenizerDraft read_llama(const Folder& folder, FolderTokens& tokens);
TokenizerDraft read_code_llama(const Folder& folder, FolderTokens& tokens);
TokenizerDraft read_gemma(const Folder& folder, FolderTokens& tokens);
TokenizerDraft read_xlm_roberta(const Folder& folder, FolderTokens& tokens);
TokenizerDraft read_t5(const Folder& folder, FolderTokens& tokens);
TokenizerDraft read_any(const Folder& folder, FolderTokens& tokens);

}  // namespace sirocco
