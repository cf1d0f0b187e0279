#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/tokenizer.hpp"
#include "sirocco/text/tokenizer_parts.hpp"

// The keys are those of the GGUF specification, section "Tokenizer", and of the files in use.
namespace sirocco {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";
constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kTypesKey = "tokenizer.ggml.token_type";
constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

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

TokenKind token_kind(const Metadata& metadata, std::size_t token, std::int64_t type) {
  // 0 is "undefined", which writers leave where they know nothing.
  if (type == 0) return TokenKind::kNormal;
  if (type < 0 || type > static_cast<std::int64_t>(TokenKind::kByte)) {
    throw FormatError("{}: token {} is of type {}; types go from 0 to {}", metadata.origin(), token,
                      type, static_cast<int>(TokenKind::kByte));
  }
  return static_cast<TokenKind>(type);
}

Vocabulary read_vocabulary(const Metadata& metadata) {
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
    if (types != nullptr) entries[i].kind = token_kind(metadata, i, (*types)[i]);
  }
  return {entries, metadata.origin()};
}

std::optional<TokenId> read_id(const Metadata& metadata, const Vocabulary& vocabulary,
                               std::string_view key) {
  const auto value = metadata.get<std::int64_t>(key);
  // All bits set is how some writers say "none".
  if (!value || *value == -1 || *value == std::numeric_limits<std::uint32_t>::max()) {
    return std::nullopt;
  }
  if (*value < 0 || *value >= static_cast<std::int64_t>(vocabulary.size())) {
    throw FormatError("{}: {} is {}, but the vocabulary's ids go from 0 to {}", metadata.origin(),
                      key, *value, vocabulary.size() - 1);
  }
  return TokenId(static_cast<std::int32_t>(*value));
}

SpecialTokens read_special(const Metadata& metadata, const Vocabulary& vocabulary) {
  struct Key {
    std::string_view name;
    std::optional<TokenId> SpecialTokens::*member;
  };
  constexpr std::array kKeys = {
      Key{"tokenizer.ggml.bos_token_id", &SpecialTokens::bos},
      Key{"tokenizer.ggml.eos_token_id", &SpecialTokens::eos},
      Key{"tokenizer.ggml.eot_token_id", &SpecialTokens::eot},
      Key{"tokenizer.ggml.eom_token_id", &SpecialTokens::eom},
      Key{"tokenizer.ggml.unknown_token_id", &SpecialTokens::unknown},
      Key{"tokenizer.ggml.padding_token_id", &SpecialTokens::padding},
      Key{"tokenizer.ggml.seperator_token_id", &SpecialTokens::separator},  // the format's spelling
      Key{"tokenizer.ggml.mask_token_id", &SpecialTokens::mask},
  };
  SpecialTokens special;
  for (const Key& key : kKeys) special.*key.member = read_id(metadata, vocabulary, key.name);
  return special;
}

void read_additions(const Metadata& metadata, SpecialTokens& special, bool add_bos, bool add_eos) {
  const auto read = [&](std::string_view key, bool fallback, const std::optional<TokenId>& id) {
    const auto wanted = metadata.get<bool>(key);
    if (wanted.value_or(false) && !id) {
      throw FormatError("{}: {} is true, but the file names no such token", metadata.origin(), key);
    }
    return wanted.value_or(fallback) && id;
  };
  special.add_bos = read("tokenizer.ggml.add_bos_token", add_bos, special.bos);
  special.add_eos = read("tokenizer.ggml.add_eos_token", add_eos, special.eos);
}

std::string known_pretokenizers() {
  std::string names;
  for (const PretokenizerRow& row : pretokenizer_rows()) {
    if (!names.empty()) names.append(", ");
    names.append(row.name);
  }
  return names;
}

TokenizerParts byte_level_parts(const Metadata& metadata) {
  const std::string_view origin = metadata.origin();
  Vocabulary vocabulary = read_vocabulary(metadata);
  const auto* merges = metadata.get_array<std::vector<std::string_view>>(kMergesKey);
  if (merges == nullptr) {
    throw FormatError("{}: {} is missing, and a byte-pair vocabulary is nothing without it", origin,
                      kMergesKey);
  }
  const auto name = metadata.get_or<std::string_view>(kPreKey, "default");
  const PretokenizerRow* row = find_pretokenizer(name);
  if (row == nullptr) {
    throw UnsupportedError("{}: {} is {}; known are {}", origin, kPreKey, quoted(name),
                           known_pretokenizers());
  }
  SpecialTokens special = read_special(metadata, vocabulary);
  find_end_of_generation(special, vocabulary);
  read_additions(metadata, special, row->add_bos, false);

  ByteLevelBpe::Options options;
  options.ignore_merges = row->ignore_merges;
  options.add_space_prefix = metadata.get_or("tokenizer.ggml.add_space_prefix", false);
  if (special.unknown && vocabulary.kind(*special.unknown) == TokenKind::kUnknown) {
    options.unknown = special.unknown;
  }
  ByteLevelBpe algorithm(vocabulary, *merges, Pretokenizer(row->stages, row->normalization),
                         options, origin);
  return {std::string(origin), std::move(vocabulary), std::move(algorithm), std::move(special),
          options.add_space_prefix};
}

TokenizerParts sentencepiece_parts(const Metadata& metadata) {
  const std::string_view origin = metadata.origin();
  Vocabulary vocabulary = read_vocabulary(metadata);
  if (metadata.find(kScoresKey) == nullptr) {
    throw FormatError("{}: {} is missing, and the scores decide what is joined first", origin,
                      kScoresKey);
  }
  SpecialTokens special = read_special(metadata, vocabulary);
  // SentencePiece's own places, for files that don't repeat them.
  const auto fallback = [&](std::optional<TokenId>& id, std::int32_t place, TokenKind kind) {
    if (!id && vocabulary.contains(TokenId(place)) && vocabulary.kind(TokenId(place)) == kind) {
      id = TokenId(place);
    }
  };
  fallback(special.unknown, 0, TokenKind::kUnknown);
  fallback(special.bos, 1, TokenKind::kControl);
  fallback(special.eos, 2, TokenKind::kControl);
  find_end_of_generation(special, vocabulary);
  read_additions(metadata, special, true, false);

  SentencePieceBpe::Options options;
  options.add_space_prefix = metadata.get_or("tokenizer.ggml.add_space_prefix", true);
  options.remove_extra_whitespaces =
      metadata.get_or("tokenizer.ggml.remove_extra_whitespaces", false);
  options.unknown = special.unknown;
  SentencePieceBpe algorithm(vocabulary, options, origin);
  return {std::string(origin), std::move(vocabulary), std::move(algorithm), std::move(special),
          options.add_space_prefix};
}

struct ModelRow {
  std::string_view name;
  TokenizerParts (*parts)(const Metadata&);
};

constexpr ModelRow kModels[] = {
    {"gpt2", byte_level_parts},
    {"llama", sentencepiece_parts},
};

}  // namespace

Tokenizer make_tokenizer(const Metadata& metadata) {
  const auto name = metadata.require<std::string_view>(kModelKey);
  const auto* row = std::find_if(std::begin(kModels), std::end(kModels),
                                 [&](const ModelRow& model) { return model.name == name; });
  if (row == std::end(kModels)) {
    std::string known;
    for (const ModelRow& model : kModels) {
      known.append(known.empty() ? "" : ", ").append(model.name);
    }
    throw UnsupportedError("{}: {} is {}; known are {}", metadata.origin(), kModelKey, quoted(name),
                           known);
  }
  return Tokenizer(row->parts(metadata));
}

}  // namespace sirocco
