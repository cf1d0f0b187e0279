#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/text/bpe_model.hpp"
#include "sirocco/text/decoder_chain.hpp"
#include "sirocco/text/flat_table.hpp"
#include "sirocco/text/folder_tokens.hpp"
#include "sirocco/text/text_normalizer.hpp"
#include "sirocco/text/tokenizer.hpp"
#include "sirocco/text/tokenizer_documents.hpp"
#include "sirocco/text/tokenizer_json_parts.hpp"
#include "sirocco/text/unigram.hpp"
#include "sirocco/text/vocabulary.hpp"
#include "sirocco/text/word_splitter.hpp"
#include "sirocco/text/wordpiece.hpp"

namespace sirocco {

/// The vocabulary of a model while it is put together: texts by id, places without one between
/// them. Texts are views of what outlives it.
class VocabularyDraft {
 public:
  /// `where` names it in messages. `tokens` is how many the model's own list has, which decides
  /// where those that are added begin, and bounds the places that may stay empty.
  VocabularyDraft(std::string where, std::size_t tokens);

  /// A text without characters can't be looked for: its place stays empty. Throws FormatError where
  /// another token has this id, and for an id far beyond the number of tokens.
  void put(std::string_view text, std::size_t id, TokenKind kind = TokenKind::kNormal);

  /// `text`, kept for as long as this lives.
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }

  /// The model's own tokens are complete: what comes later is added to them.
  void close();

  std::size_t model_tokens() const noexcept { return model_tokens_; }
  /// The id of a token of the model's own, or nothing. After `close`.
  std::optional<std::int32_t> own_id(std::string_view text) const noexcept;
  /// Whether `put` takes this id.
  bool is_free(std::int64_t id) const noexcept;
  void relabel(std::int32_t id, TokenKind kind) {
    entries_[static_cast<std::size_t>(id)].kind = kind;
  }
  /// Gives one of the model's own tokens another text. Before `close`.
  void rename(std::size_t id, std::string_view text) { entries_[id].text = text; }

  std::span<const VocabularyEntry> entries() const noexcept { return entries_; }
  const std::string& where() const noexcept { return where_; }

 private:
  std::string where_;
  std::size_t model_tokens_;
  std::vector<VocabularyEntry> entries_;
  std::vector<bool> taken_;
  std::deque<std::string> kept_;
  FlatIndex own_;
};

/// An added token and the id that its file gives it.
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

/// A tokenizer of a Hugging Face folder before the folder's other files have added to it.
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

/// The tokenizer: the draft with the tokens that the folder's files add, numbered as `transformers`
/// 5.24 numbers them (a text that is there already keeps its id, another gets the next one, in the
/// order of `FolderTokens`; where that isn't the id that a file gives, a warning says so), the
/// roles that they name, and every token that ends an answer.
///
/// Throws FormatError for what contradicts itself, UnsupportedError for what this build can't do.
Tokenizer make_tokenizer(TokenizerDraft draft, FolderTokens tokens,
                         const TokenizerDocuments& documents);

}  // namespace sirocco
