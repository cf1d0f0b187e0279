#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sirocco/text/readers/folder_tokens.hpp"
#include "sirocco/text/readers/tokenizer_json_parts.hpp"
#include "sirocco/text/readers/vocabulary_draft.hpp"
#include "sirocco/text/spelling/bpe_model.hpp"
#include "sirocco/text/spelling/unigram.hpp"
#include "sirocco/text/spelling/wordpiece.hpp"
#include "sirocco/text/stages/decoder_chain.hpp"
#include "sirocco/text/stages/text_normalizer.hpp"
#include "sirocco/text/stages/word_splitter.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A NumberedToken is an added token and the id that its file gives it.
struct NumberedToken {
  AddedToken token;
  std::int32_t id;
};

struct BpeDraft {
  std::vector<BpeModel::Merge> merges;
  BpeModel::Options options;  ///< but for the unknown token
  std::string unknown{};      ///< its text; empty: none
};
struct WordPieceDraft {
  WordPieceModel::Options options;  ///< but for the unknown token
  std::string unknown{};            ///< its text; empty: none
  std::string unknown_where{};      ///< who says so
};
struct UnigramDraft {
  std::vector<double> scores;     ///< not a number: no piece
  UnigramModel::Options options;  ///< the unknown token's id too
};
using ModelDraft = std::variant<BpeDraft, WordPieceDraft, UnigramDraft>;

/// A TokenizerDraft is the tokenizer of a Hugging Face folder before the folder's other files have
/// added to it.
struct TokenizerDraft {
  std::string origin;  ///< for messages
  VocabularyDraft vocabulary;
  ModelDraft model;
  TextNormalizer normalizer;
  WordSplitter splitter;
  DecoderChain decoder;

  /// What the model puts around a text, by a vocabulary that is complete.
  std::function<Surroundings(const Vocabulary&)> surroundings{};
  /// Whether `add_bos_token` and `add_eos_token` of tokenizer_config.json have the last word.
  bool obeys_flags = true;

  /// The added tokens that lie beside the vocabulary itself.
  std::vector<NumberedToken> added{};
  /// Those of `FolderTokens::extra` where no other file says.
  std::vector<AddedToken> extra{};
  /// Every token that is named is special and has no other flag.
  bool plain_names = false;
  /// Added tokens of other files are looked for in the text as it stands.
  bool raw_additions = false;

  std::shared_ptr<const void> source{};  ///< what the views refer to, if nobody else keeps it
};

}  // namespace sirocco
