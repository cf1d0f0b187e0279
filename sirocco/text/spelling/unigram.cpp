#include "sirocco/text/spelling/unigram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr double kUnknownPenalty = 10;
constexpr std::int32_t kNone = -1;
constexpr std::int32_t kUnspelled = -2;

// What is looked for in the text. Hugging Face knows no byte tokens apart from other pieces.
bool is_piece(TokenKind kind, UnigramModel::Precision precision) {
  switch (kind) {
    case TokenKind::kNormal:
      return true;
    case TokenKind::kUserDefined:
      return precision == UnigramModel::Precision::kSingle;
    case TokenKind::kByte:
    case TokenKind::kUnknown:
      return precision == UnigramModel::Precision::kDouble;
    case TokenKind::kControl:
    case TokenKind::kUnused:
      break;
  }
  return false;
}

}  // namespace

UnigramModel::UnigramModel(const Vocabulary& vocabulary, std::vector<double> scores,
                           Options options, std::string_view origin)
    : scores_(std::move(scores)), unknown_(options.unknown), precision_(options.precision) {
  SIROCCO_CHECK(scores_.size() == vocabulary.size());
  std::vector<PieceTrie::Piece> pieces;
  pieces.reserve(scores_.size());
  double lowest = std::numeric_limits<double>::infinity();
  double highest = -std::numeric_limits<double>::infinity();
  const bool single = precision_ == Precision::kSingle;
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    const TokenKind kind = vocabulary.kind(id);
    if (std::isnan(scores_[i])) continue;
    if (std::isinf(scores_[i])) {
      throw FormatError("{}: the score of token {} ({}) is not finite", origin, i,
                        quoted(vocabulary.text(id)));
    }
    if (!single || kind == TokenKind::kNormal) {
      lowest = std::min(lowest, scores_[i]);
      highest = std::max(highest, scores_[i]);
    }
    if (is_piece(kind, precision_) && !vocabulary.text(id).empty()) {
      pieces.push_back({vocabulary.text(id), id});
    }
  }
  if (lowest > highest) lowest = highest = 0;
  if (single) {
    // What a user defined is taken wherever it stands.
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      const TokenId id(static_cast<std::int32_t>(i));
      if (vocabulary.kind(id) != TokenKind::kUserDefined) continue;
      scores_[i] = static_cast<double>(vocabulary.text(id).size()) * highest - 0.1;
    }
  }
  unknown_score_ = lowest - kUnknownPenalty;
  trie_ = PieceTrie(std::move(pieces), origin);
  if (options.byte_fallback) byte_tokens_ = ByteTokens(vocabulary);
}

void UnigramModel::encode_word(const Vocabulary& /*vocabulary*/, std::string_view word,
                               EncodeContext& context) const {
  if (precision_ == Precision::kSingle) {
    encode_as<float>(word, context);
  } else {
    encode_as<double>(word, context);
  }
}

template <class Score>
void UnigramModel::encode_as(std::string_view word, EncodeContext& context) const {
  // The best way to come to a byte: where its last piece begins, and which it is.
  struct Best {
    Score score = 0;
    std::uint32_t begin = 0;
    std::int32_t id = kNone;
  };
  std::vector<Best> best(word.size() + 1);
  const auto offer = [&](std::size_t begin, std::size_t end, std::int32_t id, Score score) {
    Best& there = best[end];
    if (there.id != kNone && !(score > there.score)) return;
    there = {score, static_cast<std::uint32_t>(begin), id};
  };
  for (std::size_t begin = 0; begin < word.size();) {
    const Score here = best[begin].score;
    const std::size_t character = decode_utf8(word, begin).size;
    bool spelled = false;
    PieceTrie::Node node = PieceTrie::kRoot;
    for (std::size_t end = begin; end < word.size();) {
      node = trie_.step(node, static_cast<unsigned char>(word[end]));
      ++context.stats.merge_steps;
      if (node == PieceTrie::kNowhere) break;
      ++end;
      const std::int32_t id = trie_.id_at(node);
      if (id < 0) continue;
      offer(begin, end, id, here + static_cast<Score>(scores_[static_cast<std::size_t>(id)]));
      spelled = spelled || end - begin == character;
    }
    if (!spelled) {
      offer(begin, begin + character, kUnspelled, here + static_cast<Score>(unknown_score_));
    }
    begin += character;
  }

  std::vector<Best> path;  // from the end; begin is what matters
  for (std::size_t end = word.size(); end > 0; end = best[end].begin) path.push_back(best[end]);
  std::size_t unknown_begin = 0;
  bool in_unknown = false;
  for (auto step = path.rbegin(); step != path.rend(); ++step) {
    const bool unknown = step->id == kUnspelled || (unknown_ && step->id == unknown_->value());
    if (unknown && !in_unknown) unknown_begin = step->begin;
    if (!unknown && in_unknown) {
      emit_unknown(word.substr(unknown_begin, step->begin - unknown_begin), context);
    }
    in_unknown = unknown;
    if (!unknown) context.out.emplace_back(step->id);
  }
  if (in_unknown) emit_unknown(word.substr(unknown_begin), context);
}

void UnigramModel::emit_unknown(std::string_view text, EncodeContext& context) const {
  const PieceTrie::Node node = trie_.walk(PieceTrie::kRoot, text);
  if (node != PieceTrie::kNowhere && trie_.id_at(node) >= 0) {
    context.out.emplace_back(trie_.id_at(node));
    return;
  }
  if (byte_tokens_.append(text, context.out)) return;
  if (unknown_) context.out.push_back(*unknown_);
}

}  // namespace sirocco
