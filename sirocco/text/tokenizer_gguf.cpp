#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
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

// Control tokens, and user-defined ones where the algorithm doesn't look for them itself.
AddedTokens tokens_to_cut(const Vocabulary& vocabulary, bool user_defined,
                          std::string_view origin) {
  std::vector<AddedTokens::Token> tokens;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    const bool control = vocabulary.kind(id) == TokenKind::kControl;
    if (control || (user_defined && vocabulary.kind(id) == TokenKind::kUserDefined)) {
      tokens.push_back({std::string(vocabulary.text(id)), id, control});
    }
  }
  return {std::move(tokens), origin};
}

TokenizerParts assemble(const Metadata& metadata, Vocabulary vocabulary,
                        TokenizerAlgorithm algorithm, SpecialTokens special, bool adds_space_prefix,
                        bool cuts_user_defined) {
  const std::string_view origin = metadata.origin();
  AddedTokens added = tokens_to_cut(vocabulary, cuts_user_defined, origin);
  TokenizerParts parts{std::string(origin), std::move(vocabulary), std::move(algorithm),
                       std::move(special),  adds_space_prefix,     std::move(added)};
  if (parts.special.add_bos) parts.before.push_back(*parts.special.bos);
  if (parts.special.add_eos) parts.after.push_back(*parts.special.eos);
  return parts;
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
  return assemble(metadata, std::move(vocabulary), std::move(algorithm), std::move(special),
                  options.add_space_prefix, true);
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
  return assemble(metadata, std::move(vocabulary), std::move(algorithm), std::move(special),
                  options.add_space_prefix, false);
}

// The bytes of an array of small integers: signed in some files, unsigned in others.
std::string read_bytes(const Metadata& metadata, std::string_view key) {
  std::string bytes;
  const auto* values = metadata.get_array<std::vector<std::int64_t>>(key);
  if (values == nullptr) return bytes;
  bytes.reserve(values->size());
  for (const std::int64_t value : *values) {
    if (value < -128 || value > 255) {
      throw FormatError("{}: {} holds {}, which is no byte", metadata.origin(), key, value);
    }
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";      // U+2581
constexpr std::string_view kUnknownText = " \xE2\x81\x87 ";  // as SentencePiece decodes <unk>

DecoderChain space_mark_decoder(bool byte_tokens, bool prefixed, std::string_view origin) {
  std::vector<DecoderChain::Step> steps;
  steps.emplace_back(SpaceMarkDecoder{prefixed});
  if (byte_tokens) steps.emplace_back(ByteFallbackDecoder{});
  return {std::move(steps), origin};
}

TokenizerParts unigram_parts(const Metadata& metadata) {
  const std::string_view origin = metadata.origin();
  Vocabulary vocabulary = read_vocabulary(metadata);
  if (metadata.find(kScoresKey) == nullptr) {
    throw FormatError("{}: {} is missing, and the scores decide which pieces make a word", origin,
                      kScoresKey);
  }
  SpecialTokens special = read_special(metadata, vocabulary);
  find_end_of_generation(special, vocabulary);
  read_additions(metadata, special, false, true);

  const bool prefix = metadata.get_or("tokenizer.ggml.add_space_prefix", true);
  std::vector<TextNormalizer::Step> steps;
  if (const std::string map = read_bytes(metadata, "tokenizer.ggml.precompiled_charsmap");
      !map.empty()) {
    steps.emplace_back(CharsmapNormalizer{std::make_shared<const Charsmap>(map, origin)});
  }
  steps.emplace_back(SpaceMarkNormalizer{
      metadata.get_or("tokenizer.ggml.remove_extra_whitespaces", true), prefix});

  UnigramModel::Options options;
  options.unknown = special.unknown;
  options.byte_fallback = true;
  options.precision = UnigramModel::Precision::kSingle;
  std::vector<double> scores(vocabulary.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = vocabulary.score(TokenId(static_cast<std::int32_t>(i)));
  }
  UnigramModel model(vocabulary, std::move(scores), options, origin);
  if (!model.byte_tokens().complete() && !options.unknown) {
    throw FormatError("{}: the vocabulary has neither a token for each byte nor an unknown token",
                      origin);
  }
  const bool byte_tokens = model.byte_tokens().complete();
  std::map<TokenId, std::string> decoded_texts;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    if (vocabulary.kind(id) == TokenKind::kUnknown) decoded_texts.emplace(id, kUnknownText);
  }
  ComponentTokenizer algorithm({TextNormalizer(std::move(steps)), AddedTokens{}, WordSplitter({}),
                                std::move(model), space_mark_decoder(byte_tokens, prefix, origin),
                                std::move(decoded_texts)});
  return assemble(metadata, std::move(vocabulary), std::move(algorithm), std::move(special), prefix,
                  false);
}

// BERT's pieces as converters write them: U+2581 begins those that begin a word, and "##" is gone.
TokenizerParts wordpiece_parts(const Metadata& metadata) {
  const std::string_view origin = metadata.origin();
  Vocabulary vocabulary = read_vocabulary(metadata);
  SpecialTokens special = read_special(metadata, vocabulary);
  const auto named = [&](std::optional<TokenId>& id, std::string_view text) {
    if (id) return;
    id = vocabulary.find(text);
    if (id && vocabulary.kind(*id) == TokenKind::kNormal) {
      vocabulary.relabel(*id, TokenKind::kControl);
    }
  };
  named(special.unknown, "[UNK]");
  named(special.bos, "[CLS]");
  named(special.separator, "[SEP]");
  named(special.padding, "[PAD]");
  named(special.mask, "[MASK]");
  if (!special.eos) special.eos = special.separator;
  read_additions(metadata, special, true, true);

  std::vector<TextNormalizer::Step> steps;
  BertNormalizer bert;
  bert.lowercase = metadata.get_or("tokenizer.ggml.normalizer.lowercase", true);
  bert.strip_accents = metadata.get_or("tokenizer.ggml.normalizer.strip_accents", bert.lowercase);
  steps.emplace_back(bert);
  std::vector<WordSplitter::Stage> stages;
  stages.emplace_back(BertStage{});

  WordPieceModel::Options options;
  options.first_prefix = kSpaceMark;
  options.unknown = special.unknown;
  WordPieceModel model(vocabulary, std::move(options), origin);
  ComponentTokenizer algorithm({TextNormalizer(std::move(steps)),
                                AddedTokens{},
                                WordSplitter(std::move(stages)),
                                std::move(model),
                                space_mark_decoder(false, true, origin),
                                {}});
  return assemble(metadata, std::move(vocabulary), std::move(algorithm), std::move(special), false,
                  true);
}

struct ModelRow {
  std::string_view name;
  TokenizerParts (*parts)(const Metadata&);
};

constexpr ModelRow kModels[] = {
    {"gpt2", byte_level_parts},
    {"llama", sentencepiece_parts},
    {"t5", unigram_parts},
    {"bert", wordpiece_parts},
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
