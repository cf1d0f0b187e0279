#include "sirocco/text/readers/sentencepiece_draft.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/stages/charsmap.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

// Calls `each(left, right)` for every way to cut `piece` between two characters, short lefts first.
template <class Each>
void for_each_cut(std::string_view piece, Each&& each) {
  for (std::size_t at = decode_utf8(piece, 0).size; at < piece.size();
       at += decode_utf8(piece, at).size) {
    each(piece.substr(0, at), piece.substr(at));
  }
}

// Merges of normal pieces, the highest score first and then the lowest id.
std::vector<BpeModel::Merge> merges_by_score(const SentencePieceFile& file,
                                             const VocabularyDraft& vocabulary) {
  const auto is_normal = [&](std::string_view text) {
    const auto id = vocabulary.own_id(text);
    return id && file.pieces[static_cast<std::size_t>(*id)].kind == TokenKind::kNormal;
  };
  std::vector<std::size_t> order(file.pieces.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return file.pieces[a].score > file.pieces[b].score;
  });
  std::vector<BpeModel::Merge> merges;
  for (const std::size_t id : order) {
    const std::string_view piece = vocabulary.entries()[id].text;
    if (file.pieces[id].kind != TokenKind::kNormal) continue;
    for_each_cut(piece, [&](std::string_view left, std::string_view right) {
      if (is_normal(left) && is_normal(right)) merges.push_back({left, right});
    });
  }
  return merges;
}

// An added token whose id is a piece's gives the piece its text, unless another piece keeps that.
void rename_pieces(VocabularyDraft& vocabulary, const FolderTokens& tokens) {
  const auto pieces = static_cast<std::int64_t>(vocabulary.entries().size());
  for (const auto& [id, token] : tokens.listed) {
    if (id >= pieces) break;
    const auto other = vocabulary.own_id(token.content);
    if (token.content.empty() || (other && !tokens.listed.contains(*other))) continue;
    vocabulary.rename(static_cast<std::size_t>(id), vocabulary.keep(token.content));
  }
  vocabulary.close();
}

AddedTokens user_defined_pieces(const SentencePieceFile& file, const VocabularyDraft& vocabulary,
                                std::string_view origin) {
  std::vector<AddedTokens::Token> tokens;
  for (std::size_t id = 0; id < file.pieces.size(); ++id) {
    if (file.pieces[id].kind != TokenKind::kUserDefined) continue;
    tokens.push_back({std::string(vocabulary.entries()[id].text),
                      TokenId(static_cast<std::int32_t>(id)), false});
  }
  return {std::move(tokens), origin};
}

TextNormalizer normalizer_of(const SentencePieceFile& file, bool prefix_each,
                             std::string_view origin) {
  std::vector<TextNormalizer::Step> steps;
  if (!file.precompiled_charsmap.empty()) {
    steps.emplace_back(
        PrecompiledNormalizer{std::make_shared<const Charsmap>(file.precompiled_charsmap, origin)});
  }
  steps.emplace_back(SpaceMarkNormalizer{file.remove_extra_whitespaces, false});
  if (file.add_dummy_prefix && prefix_each) {
    // Metaspace adds no mark where there is one; SentencePiece does.
    steps.emplace_back(ReplaceNormalizer{
        TextPattern(SplitPattern(R"(\A)" + std::string(kSpaceMark), RegexDialect::kOniguruma)),
        std::string(kSpaceMark) + std::string(kSpaceMark)});
  }
  return TextNormalizer(std::move(steps));
}

DecoderChain decoder_of(const SentencePieceFile& file, std::string_view origin) {
  std::vector<DecoderChain::Step> steps;
  steps.emplace_back(ReplaceDecoder{TextPattern(std::string(kSpaceMark)), " "});
  if (file.byte_fallback) steps.emplace_back(ByteFallbackDecoder{});
  if (file.byte_fallback || file.add_dummy_prefix) steps.emplace_back(FuseDecoder{});
  if (file.add_dummy_prefix) steps.emplace_back(StripDecoder{" ", 1, 0});
  return {std::move(steps), origin};
}

}  // namespace

VocabularyDraft vocabulary_of(const SentencePieceFile& file, std::string_view origin) {
  VocabularyDraft vocabulary(std::string(origin), file.pieces.size());
  for (std::size_t id = 0; id < file.pieces.size(); ++id) vocabulary.put(file.pieces[id].text, id);
  vocabulary.close();
  return vocabulary;
}

std::vector<BpeModel::Merge> merges_by_id(const VocabularyDraft& vocabulary) {
  std::vector<BpeModel::Merge> merges;
  for (const VocabularyEntry& entry : vocabulary.entries()) {
    for_each_cut(entry.text, [&](std::string_view left, std::string_view right) {
      if (vocabulary.own_id(left) && vocabulary.own_id(right)) merges.push_back({left, right});
    });
  }
  return merges;
}

std::vector<AddedToken> added_pieces(const SentencePieceFile& file, bool user_defined) {
  std::vector<AddedToken> tokens;
  for (const SentencePieceFile::Piece& piece : file.pieces) {
    const bool control = piece.kind == TokenKind::kControl;
    if (!control && !(user_defined && piece.kind == TokenKind::kUserDefined)) continue;
    AddedToken token;
    token.content = piece.text;
    token.special = control;
    token.normalized = false;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

TokenizerDraft read_as_sentencepiece(const SentencePieceFile& file, const FolderTokens& tokens,
                                     bool prefix_each, std::string_view origin) {
  using Algorithm = SentencePieceFile::Algorithm;
  if (file.algorithm == Algorithm::kWord) {
    throw UnsupportedError(
        "{}: trainer_spec.model_type is WORD, which isn't supported; known are UNIGRAM, BPE and "
        "CHAR",
        origin);
  }
  if (file.treat_whitespace_as_suffix || !file.escape_whitespaces) {
    throw UnsupportedError("{}: {} isn't supported", origin,
                           file.escape_whitespaces
                               ? "trainer_spec.treat_whitespace_as_suffix"
                               : "normalizer_spec.escape_whitespaces being false");
  }
  VocabularyDraft vocabulary = vocabulary_of(file, origin);
  ModelDraft model;
  AddedTokens whole;
  if (file.algorithm == Algorithm::kUnigram) {
    if (file.unk_id < 0 || static_cast<std::size_t>(file.unk_id) >= file.pieces.size()) {
      throw FormatError("{}: trainer_spec.unk_id is {}, with {} pieces", origin, file.unk_id,
                        file.pieces.size());
    }
    UnigramDraft unigram;
    for (const auto& piece : file.pieces) unigram.scores.push_back(double{piece.score});
    unigram.options.unknown = TokenId(file.unk_id);
    unigram.options.byte_fallback = file.byte_fallback;
    model = std::move(unigram);
    whole = user_defined_pieces(file, vocabulary, origin);
  } else {
    rename_pieces(vocabulary, tokens);
    whole = user_defined_pieces(file, vocabulary, origin);
    BpeDraft bpe;
    bpe.merges = merges_by_score(file, vocabulary);
    bpe.options.fuse_unknown = true;
    bpe.options.byte_fallback = file.byte_fallback;
    bpe.options.ignore_merges = !whole.empty();
    bpe.unknown = file.unk_piece;
    model = std::move(bpe);
  }
  std::vector<WordSplitter::Stage> stages;
  if (file.add_dummy_prefix) {
    stages.emplace_back(MetaspaceStage{
        std::string(kSpaceMark),
        prefix_each ? MetaspaceStage::Prepend::kAlways : MetaspaceStage::Prepend::kFirst, false});
  }
  if (!whole.empty()) {
    stages.emplace_back(SplitStage{TextPattern(std::move(whole)), SplitBehavior::kIsolated, false});
  }
  TokenizerDraft draft{std::string(origin),
                       std::move(vocabulary),
                       std::move(model),
                       normalizer_of(file, prefix_each, origin),
                       WordSplitter(std::move(stages)),
                       decoder_of(file, origin)};
  draft.extra = added_pieces(file, false);
  draft.raw_additions = file.add_dummy_prefix;
  return draft;
}

}  // namespace sirocco
