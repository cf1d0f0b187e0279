#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/tensor/metadata.hpp"
#include "sirocco/text/special_tokens.hpp"
#include "sirocco/text/text_segment.hpp"
#include "sirocco/text/tokenize_stats.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A TokenizerModel turns text into tokens and back.
template <class T>
concept TokenizerModel =
    requires(const T& model, std::string_view text, std::span<const TokenId> tokens) {
      { model.tokenize(text) } -> std::same_as<std::vector<TokenId>>;
      { model.detokenize(tokens) } -> std::same_as<std::string>;
    };

struct TokenizeOptions {
  bool parse_special = false;      ///< the text is trusted: control tokens match in it
  bool add_special = false;        ///< BOS, EOS, [CLS] and the like as the model says
  TokenizeStats* stats = nullptr;  ///< if given, what the call cost is added to it
};

struct DetokenizeOptions {
  bool show_control = false;  ///< control tokens appear as their text instead of vanishing
};

class ComponentTokenizer;
struct TokenizerParts;

/// A Tokenizer is a vocabulary, the algorithm that spells text with it, and its special tokens.
/// Immutable: one may serve any number of threads and pipelines.
class Tokenizer {
 public:
  explicit Tokenizer(TokenizerParts parts);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// The tokens of any bytes. Byte-level vocabularies keep all of them, UTF-8 or not. Throws
  /// InvalidArgument for more than 2 GiB, ResourceExhausted where the model's own rules make far
  /// more text of it, nothing else.
  std::vector<TokenId> tokenize(std::string_view text, const TokenizeOptions& options = {}) const;

  /// The tokens of the segments' concatenation: provenance decides which control tokens match (one
  /// lies wholly within trusted text) and nothing else; ordinary text is cut as if there were no
  /// segments. `options.parse_special` is not looked at.
  std::vector<TokenId> tokenize(std::span<const TextSegment> segments,
                                const TokenizeOptions& options = {}) const;

  /// The bytes that the tokens stand for, which need not be UTF-8 (StreamingDetokenizer gives
  /// text). An id beyond the vocabulary, or of its padding, stands for none: models have rows for
  /// more tokens than their tokenizer. Throws InvalidArgument for a negative id.
  std::string detokenize(std::span<const TokenId> tokens,
                         const DetokenizeOptions& options = {}) const;

  /// Appends the bytes of one token in the middle of a text, control or not. Throws as
  /// `detokenize`.
  void append_bytes(TokenId id, std::string& out) const;

  /// The vocabulary: texts as the file spells them, kinds, scores.
  const Vocabulary& vocabulary() const noexcept;
  const SpecialTokens& special() const noexcept;
  /// The tokens that `add_special` puts behind a text.
  std::span<const TokenId> behind() const noexcept;

 private:
  friend class ByteDetokenizer;

  // False beyond the vocabulary and for padding. Throws InvalidArgument for a negative id.
  bool has_text(TokenId id) const;
  const ComponentTokenizer* components() const noexcept;
  // Whether a text's first token carries a space that is not in the text.
  bool adds_space_prefix() const noexcept;

  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

static_assert(TokenizerModel<Tokenizer>);

/// The tokens of a prompt: those of its segments, and before them the BOS that the model adds to
/// texts, unless they begin with it (a chat template usually wrote its own). Throws as
/// Tokenizer::tokenize.
std::vector<TokenId> tokenize_prompt(const Tokenizer& tokenizer,
                                     std::span<const TextSegment> segments);

/// The tokens of a prompt with a hole between `prefix` and `suffix`, behind which the model fills
/// it: <prefix> … <suffix> … <middle>, and before them the BOS that the model adds to texts.
/// Nothing where the model has no such marks. Throws as Tokenizer::tokenize.
std::optional<std::vector<TokenId>> tokenize_infill(const Tokenizer& tokenizer,
                                                    std::string_view prefix,
                                                    std::string_view suffix);

/// The tokenizer that a GGUF's `tokenizer.ggml.*` keys describe. Throws FormatError for a key that
/// is missing, has the wrong type or contradicts another, and UnsupportedError for a model or
/// pre-tokenizer that this build doesn't know, naming those it does.
Tokenizer make_tokenizer(const Metadata& metadata);

}  // namespace sirocco
