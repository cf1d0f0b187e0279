#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// TranscriptionTokens are what a model that writes what it hears has besides text, and what it
/// must not write. Timestamps are the last tokens of the vocabulary, from 0 s on.
struct TranscriptionTokens {
  struct Language {
    std::string code;  ///< "en"
    TokenId token;
  };

  TokenId end;    ///< of a text; below it are tokens of text, above it special ones
  TokenId start;  ///< of a text
  TokenId no_timestamps;
  TokenId first_timestamp;
  std::optional<TokenId> no_speech;   ///< how likely it is at the start says that nobody speaks
  std::optional<TokenId> previous;    ///< in front of the text of the window before
  std::optional<TokenId> transcribe;  ///< these and languages: of models for several of them
  std::optional<TokenId> translate;
  std::vector<Language> languages;  ///< in the order of their tokens
  std::vector<TokenId> suppressed;
  std::vector<TokenId> suppressed_first;  ///< as the first token
  std::int32_t max_first_timestamp = 50;  ///< how many steps of time the first one may be late

  bool is_timestamp(TokenId token) const { return token.value() >= first_timestamp.value(); }
  bool is_text(TokenId token) const { return token.value() < end.value(); }
  /// The language with that code or token. Throws InvalidArgument naming the known ones.
  const Language& language(std::string_view code) const;
  const Language* find_language(TokenId token) const;
};

/// The tokens that the members of a folder's generation_config.json name. Throws FormatError where
/// one is missing or no token of a vocabulary of that size.
TranscriptionTokens read_transcription_tokens(const Metadata& metadata, std::int64_t vocabulary);

/// log Σ exp(value / temperature); -infinity where all are.
double log_sum_exp(std::span<const float> values, double temperature = 1.0);

/// Takes what can't come next out of `logits` [V] (-infinity), by the rules of OpenAI's reference
/// (openai/whisper, decoding.py): what is suppressed; timestamps come in pairs but for the first,
/// never go back, and are taken where they are likelier together than any text. `written` are the
/// tokens behind the prompt.
void apply_transcription_rules(const TranscriptionTokens& tokens, std::span<const TokenId> written,
                               std::span<float> logits);

}  // namespace sirocco
