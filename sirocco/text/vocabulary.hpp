#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/flat_index.hpp"

namespace sirocco {

/// A TokenKind is what an entry of a vocabulary is for. The values are those of GGUF's
/// `tokenizer.ggml.token_type` (and of SentencePiece's ModelProto.SentencePiece.Type).
enum class TokenKind : std::uint8_t {
  kNormal = 1,       ///< text, found by the algorithm
  kUnknown = 2,      ///< stands for what the vocabulary can't spell
  kControl = 3,      ///< steers the model: only a template or the caller may produce it
  kUserDefined = 4,  ///< an added word, matched whole wherever its text occurs
  kUnused = 5,       ///< a place without a meaning: padding of the embedding table
  kByte = 6,         ///< one raw byte, spelled <0xNN>
};

/// A VocabularyEntry is one entry as a file describes it.
struct VocabularyEntry {
  std::string_view text;
  TokenKind kind = TokenKind::kNormal;
  float score = 0;
};

/// A Vocabulary is the entries of a tokenizer, from id to text and back, whatever algorithm uses
/// them. Owns its texts. Immutable, safe to share between threads.
///
/// Texts are unique among the entries that can be looked up. Padding is the exception that real
/// files need: entries of kind `kUnused`, and empty ones at the very end, may repeat or be empty.
class Vocabulary {
 public:
  /// `origin` names the file in messages. Throws FormatError for an empty vocabulary, for more than
  /// 2^31 - 1 entries, and for an entry that is empty, repeated or has a score that is not a
  /// number.
  Vocabulary(std::span<const VocabularyEntry> entries, std::string_view origin);

  std::size_t size() const noexcept { return kinds_.size(); }
  bool contains(TokenId id) const noexcept {
    return id.value() >= 0 && static_cast<std::size_t>(id.value()) < size();
  }

  /// The entry's text as the file spells it. `id` must be in the vocabulary, here and below.
  std::string_view text(TokenId id) const noexcept {
    const auto i = static_cast<std::size_t>(id.value());
    return std::string_view(texts_).substr(begins_[i], begins_[i + 1] - begins_[i]);
  }
  TokenKind kind(TokenId id) const noexcept { return kinds_[static_cast<std::size_t>(id.value())]; }
  float score(TokenId id) const noexcept { return scores_[static_cast<std::size_t>(id.value())]; }

  /// Whether the entry stands for a row of the model without a token: it is unused, and has no text
  /// or the one that converters give such rows, "[PADn]" for row n.
  bool is_padding(TokenId id) const noexcept {
    return kind(id) == TokenKind::kUnused && (text(id).empty() || is_padding_text(text(id), id));
  }
  static bool is_padding_text(std::string_view text, TokenId id) noexcept;

  /// The entry with this text (the lowest id where padding repeats one), or nothing.
  std::optional<TokenId> find(std::string_view text) const noexcept;

  /// Bytes of the longest text.
  std::size_t max_text_bytes() const noexcept { return max_text_bytes_; }

  /// Changes what an entry is for: files are known to mislabel some. Only while building.
  void relabel(TokenId id, TokenKind kind) noexcept {
    kinds_[static_cast<std::size_t>(id.value())] = kind;
  }
  /// Changes an entry's score, to a number. Only while building.
  void rescore(TokenId id, float score) noexcept {
    scores_[static_cast<std::size_t>(id.value())] = score;
  }

 private:
  std::string texts_;
  std::vector<std::size_t> begins_;
  std::vector<TokenKind> kinds_;
  std::vector<float> scores_;
  FlatIndex index_;
  std::size_t max_text_bytes_ = 0;
};

}  // namespace sirocco
