#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/text/flat_index.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A VocabularyDraft is the vocabulary of a model while it is put together: texts by id, places
/// without one between them. Texts are views of what outlives it.
class VocabularyDraft {
 public:
  /// `where` names it in messages. `tokens` is how many the model's own list has, which decides
  /// where those that are added begin, and bounds the places that may stay empty.
  VocabularyDraft(std::string where, std::size_t tokens);

  /// Puts a token at its id. A text without characters can't be looked for: its place stays empty.
  /// Throws FormatError where another token has this id, and for an id far beyond the number of
  /// tokens.
  void put(std::string_view text, std::size_t id, TokenKind kind = TokenKind::kNormal);

  /// `text`, kept for as long as this lives.
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }

  /// Ends the list of the model's own tokens: what comes later is added to them.
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

}  // namespace sirocco
