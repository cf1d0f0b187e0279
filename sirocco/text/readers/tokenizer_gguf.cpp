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
#include "sirocco/base/log.hpp"
#include "sirocco/text/readers/gguf_vocabulary.hpp"
#include "sirocco/text/spelling/byte_tokens.hpp"
#include "sirocco/text/tokenizer.hpp"
#include "sirocco/text/tokenizer_parts.hpp"
#include "sirocco/text/unicode/space_mark.hpp"

// The keys are those of the GGUF specification, section "Tokenizer", and of the files in use.
namespace sirocco {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

std::string known_pretokenizers() {
  std::string names;
  for (const PretokenizerRow& row : pretokenizer_rows()) {
    if (!names.empty()) names.append(", ");
    names.append(row.name);
  }
  return names;
}

TokenizerParts assemble(const Metadata& metadata, Vocabulary vocabulary,
                        TokenizerAlgorithm algorithm, SpecialTokens special, SpaceStyle spaces,
                        bool adds_space_prefix) {
  const std::string_view origin = metadata.origin();
  AddedTokens added = gguf_added_tokens(vocabulary, spaces, origin);
  TokenizerParts parts{std::string(origin), std::move(vocabulary), std::move(algorithm),
                       std::move(special),  adds_space_prefix,     std::move(added)};
  if (parts.special.add_bos) parts.before.push_back(*parts.special.bos);
  if (parts.special.add_eos) parts.after.push_back(*parts.special.eos);
  return parts;
}

const PretokenizerRow& pretokenizer_row(const Metadata& metadata) {
  const std::string_view given = metadata.get<std::string_view>(kPreKey).value_or("");
  if (given.empty()) {
    log_warning(
        "{}: {} is missing, as older converters left it: text is split into words by the rules of "
        "'default', which need not be the model's, and its answers may be worse for it; a newer "
        "conversion of the model names them",
        metadata.origin(), kPreKey);
  }
  const std::string_view name = given.empty() ? "default" : given;
  const PretokenizerRow* row = find_pretokenizer(name);
  if (row == nullptr) {
    throw UnsupportedError("{}: {} is {}; known are {}", metadata.origin(), kPreKey, quoted(name),
                           known_pretokenizers());
  }
  return *row;
}

TokenizerParts byte_level_parts(const Metadata& metadata) {
  const std::string_view origin = metadata.origin();
  Vocabulary vocabulary = read_gguf_vocabulary(metadata);
  const auto* merges = metadata.get_array<std::vector<std::string_view>>(kMergesKey);
  if (merges == nullptr) {
    throw FormatError("{}: {} is missing, and a byte-pair vocabulary is nothing without it", origin,
                      kMergesKey);
  }
  const PretokenizerRow& row = pretokenizer_row(metadata);
  SpecialTokens special = read_gguf_special(metadata, vocabulary);
  find_end_of_generation(special, vocabulary);
  find_infill(special, vocabulary);
  read_gguf_additions(metadata, special, row.add_bos, false);

  ByteLevelBpe::Options options;
  options.ignore_merges = row.ignore_merges;
  if (special.unknown && vocabulary.kind(*special.unknown) == TokenKind::kUnknown) {
    options.unknown = special.unknown;
  }
  ByteLevelBpe algorithm(vocabulary, *merges, Pretokenizer(row.stages, row.normalization), options,
                         origin);
  return assemble(metadata, std::move(vocabulary), std::move(algorithm), std::move(special),
                  SpaceStyle::kPlain, false);
}

// Converters that can't tell the scores write one for all. Pieces then stand in the order in which
// they were learnt, which is the order in which they are joined.
void rank_without_scores(Vocabulary& vocabulary) {
  std::optional<float> score;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    if (vocabulary.kind(id) != TokenKind::kNormal) continue;
    if (vocabulary.score(id) != score.value_or(vocabulary.score(id))) return;
    score = vocabulary.score(id);
  }
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    vocabulary.rescore(TokenId(static_cast<std::int32_t>(i)), -static_cast<float>(i));
  }
}

TokenizerParts sentencepiece_parts(const Metadata& metadata) {
  const std::string_view origin = metadata.origin();
  Vocabulary vocabulary = read_gguf_vocabulary(metadata);
  find_byte_tokens(vocabulary, origin);
  SpecialTokens special = read_gguf_special(metadata, vocabulary);
  // SentencePiece's own places, for files that don't repeat them.
  const auto fallback = [&](std::optional<TokenId>& id, std::int32_t place, TokenKind kind,
                            std::string_view text) {
    const TokenId there(place);
    if (id || !vocabulary.contains(there)) return;
    if (vocabulary.kind(there) == TokenKind::kNormal && vocabulary.text(there) == text) {
      vocabulary.relabel(there, kind);
    }
    if (vocabulary.kind(there) == kind) id = there;
  };
  fallback(special.unknown, 0, TokenKind::kUnknown, "<unk>");
  fallback(special.bos, 1, TokenKind::kControl, "<s>");
  fallback(special.eos, 2, TokenKind::kControl, "</s>");
  rank_without_scores(vocabulary);
  find_end_of_generation(special, vocabulary);
  find_infill(special, vocabulary);
  read_gguf_additions(metadata, special, true, false);

  SentencePieceBpe::Options options;
  options.add_space_prefix = metadata.get_or("tokenizer.ggml.add_space_prefix", true);
  options.remove_extra_whitespaces =
      metadata.get_or("tokenizer.ggml.remove_extra_whitespaces", false);
  options.unknown = special.unknown;
  SentencePieceBpe algorithm(vocabulary, options, origin);
  return assemble(metadata, std::move(vocabulary), std::move(algorithm), std::move(special),
                  SpaceStyle::kMarked, options.add_space_prefix);
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

constexpr std::string_view kUnknownText = " \xE2\x81\x87 ";  // as SentencePiece decodes <unk>

DecoderChain space_mark_decoder(bool byte_tokens, bool prefixed, std::string_view origin) {
  std::vector<DecoderChain::Step> steps;
  steps.emplace_back(SpaceMarkDecoder{prefixed});
  if (byte_tokens) steps.emplace_back(ByteFallbackDecoder{});
  return {std::move(steps), origin};
}

/// The roles that the file names, and for files that name none those of T5's tokens.
SpecialTokens read_unigram_special(const Metadata& metadata, Vocabulary& vocabulary) {
  SpecialTokens special = read_gguf_special(metadata, vocabulary);
  const auto named = [&](std::optional<TokenId>& id, std::string_view text, TokenKind kind) {
    const auto found = vocabulary.find(text);
    if (id || !found) return;
    if (vocabulary.kind(*found) == TokenKind::kNormal) vocabulary.relabel(*found, kind);
    if (vocabulary.kind(*found) == kind) id = found;
  };
  named(special.unknown, "<unk>", TokenKind::kUnknown);
  named(special.bos, "<s>", TokenKind::kControl);
  named(special.eos, "</s>", TokenKind::kControl);
  named(special.padding, "<pad>", TokenKind::kControl);
  find_end_of_generation(special, vocabulary);
  find_infill(special, vocabulary);
  read_gguf_additions(metadata, special, false, true);
  return special;
}

TextNormalizer read_unigram_normalizer(const Metadata& metadata, bool prefix) {
  std::vector<TextNormalizer::Step> steps;
  if (const std::string map = read_bytes(metadata, "tokenizer.ggml.precompiled_charsmap");
      !map.empty()) {
    steps.emplace_back(
        CharsmapNormalizer{std::make_shared<const Charsmap>(map, metadata.origin())});
  }
  steps.emplace_back(SpaceMarkNormalizer{
      metadata.get_or("tokenizer.ggml.remove_extra_whitespaces", true), prefix});
  return TextNormalizer(std::move(steps));
}

UnigramModel make_unigram_model(const Vocabulary& vocabulary, std::optional<TokenId> unknown,
                                std::string_view origin) {
  UnigramModel::Options options;
  options.unknown = unknown;
  options.byte_fallback = true;
  options.precision = UnigramModel::Precision::kSingle;
  std::vector<double> scores(vocabulary.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = vocabulary.score(TokenId(static_cast<std::int32_t>(i)));
  }
  UnigramModel model(vocabulary, std::move(scores), options, origin);
  if (!model.byte_tokens().complete() && !unknown) {
    throw FormatError("{}: the vocabulary has neither a token for each byte nor an unknown token",
                      origin);
  }
  return model;
}

TokenizerParts unigram_parts(const Metadata& metadata) {
  const std::string_view origin = metadata.origin();
  Vocabulary vocabulary = read_gguf_vocabulary(metadata);
  if (metadata.find(kScoresKey) == nullptr) {
    throw FormatError("{}: {} is missing, and the scores decide which pieces make a word", origin,
                      kScoresKey);
  }
  find_byte_tokens(vocabulary, origin);
  SpecialTokens special = read_unigram_special(metadata, vocabulary);
  const bool prefix = metadata.get_or("tokenizer.ggml.add_space_prefix", true);
  TextNormalizer normalizer = read_unigram_normalizer(metadata, prefix);
  UnigramModel model = make_unigram_model(vocabulary, special.unknown, origin);
  const bool byte_tokens = !model.byte_tokens().empty();
  std::map<TokenId, std::string> decoded_texts;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    if (vocabulary.kind(id) == TokenKind::kUnknown) decoded_texts.emplace(id, kUnknownText);
  }
  ComponentTokenizer algorithm({std::move(normalizer), AddedTokens{}, WordSplitter({}),
                                std::move(model), space_mark_decoder(byte_tokens, prefix, origin),
                                std::move(decoded_texts)});
  return assemble(metadata, std::move(vocabulary), std::move(algorithm), std::move(special),
                  SpaceStyle::kMarked, prefix);
}

// BERT's pieces as converters write them: U+2581 begins those that begin a word, and "##" is gone.
TokenizerParts wordpiece_parts(const Metadata& metadata) {
  const std::string_view origin = metadata.origin();
  Vocabulary vocabulary = read_gguf_vocabulary(metadata);
  SpecialTokens special = read_gguf_special(metadata, vocabulary);
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
  read_gguf_additions(metadata, special, true, true);

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
  return assemble(metadata, std::move(vocabulary), std::move(algorithm), std::move(special),
                  SpaceStyle::kPlain, false);
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
