#include "sirocco/text/readers/gguf_vocabulary.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/text/unicode/space_mark.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kTypesKey = "tokenizer.ggml.token_type";

template <class T>
const std::vector<T>* array_for_tokens(const Metadata& metadata, std::string_view key,
                                       std::size_t tokens) {
  const auto* values = metadata.get_array<std::vector<T>>(key);
  if (values != nullptr && values->size() < tokens) {
    throw FormatError("{}: {} holds {} values for {} tokens", metadata.origin(), key,
                      values->size(), tokens);
  }
  return values;
}

// Scores are floats, but some writers store whole numbers.
std::vector<float> read_scores(const Metadata& metadata, std::size_t tokens) {
  std::vector<float> scores(tokens);
  const MetadataValue* value = metadata.find(kScoresKey);
  if (value == nullptr) return scores;
  const auto copy = [&](const auto& values) {
    for (std::size_t i = 0; i < tokens; ++i) scores[i] = static_cast<float>(values[i]);
  };
  if (std::holds_alternative<std::vector<std::int64_t>>(*value)) {
    copy(*array_for_tokens<std::int64_t>(metadata, kScoresKey, tokens));
  } else {
    copy(*array_for_tokens<double>(metadata, kScoresKey, tokens));
  }
  return scores;
}

bool between(std::string_view text, std::string_view open, std::string_view close) {
  return text.size() > open.size() + close.size() && text.starts_with(open) &&
         text.ends_with(close);
}

// As nothing but control tokens is written; the second one has full-width bars.
bool is_written_as_control(std::string_view text) {
  return between(text, "<|", "|>") || between(text, "<｜", "｜>");
}

// What a token without a name is at least when it has a role: roles are also given to plain text,
// such as a line end or "!".
bool is_bracketed(std::string_view text) {
  return between(text, "<", ">") || between(text, "[", "]");
}

TokenKind token_kind(const Metadata& metadata, std::size_t token, std::int64_t type,
                     std::string_view text) {
  // Some converters call their padding user-defined, and places without a text normal.
  if (text.empty() ||
      Vocabulary::is_padding_text(text, TokenId(static_cast<std::int32_t>(token)))) {
    return TokenKind::kUnused;
  }
  if (type == 0) return is_written_as_control(text) ? TokenKind::kControl : TokenKind::kNormal;
  if (type < 0 || type > static_cast<std::int64_t>(TokenKind::kByte)) {
    throw FormatError("{}: token {} is of type {}; types go from 0 to {}", metadata.origin(), token,
                      type, static_cast<int>(TokenKind::kByte));
  }
  return static_cast<TokenKind>(type);
}

std::optional<TokenId> read_id(const Metadata& metadata, const Vocabulary& vocabulary,
                               std::string_view key) {
  const auto value = metadata.get<std::int64_t>(key);
  // All bits set is how some writers say "none".
  if (!value || *value == -1 || *value == std::numeric_limits<std::uint32_t>::max()) {
    return std::nullopt;
  }
  if (*value < 0 || *value >= static_cast<std::int64_t>(vocabulary.size())) {
    log_warning("{}: {} is {}, but the vocabulary's ids go from 0 to {}; it is left aside",
                metadata.origin(), key, *value, vocabulary.size() - 1);
    return std::nullopt;
  }
  return TokenId(static_cast<std::int32_t>(*value));
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  return out.append(text, done);
}

// Nothing in a GGUF says that a token takes the blanks behind it. In the vocabulary that has all of
// these (Phi-3's), every added token does but three.
bool takes_blanks_behind(const Vocabulary& vocabulary) {
  constexpr std::array kSignature = {"<|placeholder1|>", "<|system|>", "<|user|>", "<|assistant|>",
                                     "<|end|>"};
  return std::all_of(kSignature.begin(), kSignature.end(), [&](const char* text) {
    const auto id = vocabulary.find(text);
    return id && vocabulary.kind(*id) != TokenKind::kNormal;
  });
}

bool leaves_blanks_behind(std::string_view text) {
  return text == "<unk>" || text == "<s>" || text == "<|endoftext|>";
}

}  // namespace

Vocabulary read_gguf_vocabulary(const Metadata& metadata) {
  const auto* texts = metadata.get_array<std::vector<std::string_view>>(kTokensKey);
  if (texts == nullptr) {
    throw FormatError("{}: {} is missing: the file holds no vocabulary", metadata.origin(),
                      kTokensKey);
  }
  const auto* types = array_for_tokens<std::int64_t>(metadata, kTypesKey, texts->size());
  const std::vector<float> scores = read_scores(metadata, texts->size());
  std::vector<VocabularyEntry> entries(texts->size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].text = (*texts)[i];
    entries[i].score = scores[i];
    entries[i].kind = token_kind(metadata, i, types == nullptr ? 0 : (*types)[i], entries[i].text);
  }
  return {entries, metadata.origin()};
}

namespace {

/// Users write these into prompts themselves, so that they stay of the kind that the file says.
void read_infill(const Metadata& metadata, const Vocabulary& vocabulary, SpecialTokens& special) {
  struct Key {
    std::string_view name;
    std::string_view before;  // as files of 2024 and earlier have it
    std::optional<TokenId> SpecialTokens::*member;
  };
  constexpr std::array kKeys = {
      Key{"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id",
          &SpecialTokens::infill_prefix},
      Key{"tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id",
          &SpecialTokens::infill_suffix},
      Key{"tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id",
          &SpecialTokens::infill_middle},
  };
  for (const Key& key : kKeys) {
    special.*key.member = read_id(metadata, vocabulary, key.name);
    if (!(special.*key.member)) special.*key.member = read_id(metadata, vocabulary, key.before);
  }
}

}  // namespace

SpecialTokens read_gguf_special(const Metadata& metadata, Vocabulary& vocabulary) {
  struct Key {
    std::string_view name;
    std::optional<TokenId> SpecialTokens::*member;
  };
  constexpr std::array kKeys = {
      Key{"tokenizer.ggml.bos_token_id", &SpecialTokens::bos},
      Key{"tokenizer.ggml.eos_token_id", &SpecialTokens::eos},
      Key{"tokenizer.ggml.eot_token_id", &SpecialTokens::eot},
      Key{"tokenizer.ggml.eom_token_id", &SpecialTokens::eom},
      Key{"tokenizer.ggml.padding_token_id", &SpecialTokens::padding},
      Key{"tokenizer.ggml.seperator_token_id", &SpecialTokens::separator},  // the format's spelling
      Key{"tokenizer.ggml.mask_token_id", &SpecialTokens::mask},
      // Last: one that has another role too is a control token.
      Key{"tokenizer.ggml.unknown_token_id", &SpecialTokens::unknown},
  };
  SpecialTokens special;
  for (const Key& key : kKeys) {
    const std::optional<TokenId> id = read_id(metadata, vocabulary, key.name);
    special.*key.member = id;
    if (!id || !is_bracketed(vocabulary.text(*id))) continue;
    const TokenKind kind = vocabulary.kind(*id);
    if (kind == TokenKind::kNormal || kind == TokenKind::kUserDefined) {
      vocabulary.relabel(
          *id, key.member == &SpecialTokens::unknown ? TokenKind::kUnknown : TokenKind::kControl);
    }
  }
  read_infill(metadata, vocabulary, special);
  return special;
}

void read_gguf_additions(const Metadata& metadata, SpecialTokens& special, bool add_bos,
                         bool add_eos) {
  const auto read = [&](std::string_view key, bool fallback, const std::optional<TokenId>& id) {
    const auto wanted = metadata.get<bool>(key);
    if (wanted.value_or(false) && !id) {
      log_warning("{}: {} is true, but the file names no such token, so that none is added",
                  metadata.origin(), key);
    }
    return wanted.value_or(fallback) && id;
  };
  special.add_bos = read("tokenizer.ggml.add_bos_token", add_bos, special.bos);
  special.add_eos = read("tokenizer.ggml.add_eos_token", add_eos, special.eos);
}

AddedTokens gguf_added_tokens(const Vocabulary& vocabulary, SpaceStyle spaces,
                              std::string_view origin) {
  const bool rstrip = takes_blanks_behind(vocabulary);
  std::vector<AddedTokens::Token> tokens;
  std::vector<AddedTokens::Token> with_spaces;  // behind all others, whose texts win
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    const TokenKind kind = vocabulary.kind(id);
    const bool user_defined = kind == TokenKind::kUserDefined;
    const bool control = kind == TokenKind::kControl || kind == TokenKind::kUnknown;
    if (!user_defined && !control) continue;
    AddedTokens::Token token{std::string(vocabulary.text(id)), id, control};
    token.rstrip = rstrip && !leaves_blanks_behind(token.text);
    if (user_defined && spaces == SpaceStyle::kMarked &&
        token.text.find(kSpaceMark) != std::string::npos) {
      with_spaces.push_back(token);
      with_spaces.back().text = replaced(token.text, kSpaceMark, " ");
    }
    tokens.push_back(std::move(token));
  }
  std::move(with_spaces.begin(), with_spaces.end(), std::back_inserter(tokens));
  return {std::move(tokens), origin};
}

}  // namespace sirocco
