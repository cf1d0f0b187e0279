#include "sirocco/text/sentencepiece_bpe.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/byte_token.hpp"
#include "sirocco/text/utf8.hpp"

namespace sirocco {
namespace {

constexpr TokenId kNoToken(-1);
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";      // U+2581
constexpr std::string_view kUnknownText = " \xE2\x81\x87 ";  // as SentencePiece decodes <unk>

bool is_piece(TokenKind kind) {
  return kind == TokenKind::kNormal || kind == TokenKind::kUserDefined ||
         kind == TokenKind::kUnused;
}

std::string with_space_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    if (c == ' ') {
      out.append(kSpaceMark);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string without_extra_spaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out.push_back(c);
  }
  return out;
}

bool continues_past_word(std::string_view piece) {
  std::size_t mark = piece.find(kSpaceMark);
  for (std::size_t begin = 0; mark != std::string_view::npos;
       begin = mark + kSpaceMark.size(), mark = piece.find(kSpaceMark, begin)) {
    if (mark != begin) return true;
  }
  return false;
}

AddedTokens user_defined_tokens(const Vocabulary& vocabulary, std::string_view origin) {
  std::vector<AddedTokens::Token> tokens;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    if (vocabulary.kind(id) != TokenKind::kUserDefined) continue;
    tokens.push_back({with_space_marks(vocabulary.text(id)), id, false});
  }
  return {std::move(tokens), origin};
}

}  // namespace

SentencePieceBpe::SentencePieceBpe(const Vocabulary& vocabulary, Options options,
                                   std::string_view origin)
    : options_(options), user_defined_(user_defined_tokens(vocabulary, origin)) {
  byte_tokens_.fill(kNoToken);
  words_are_independent_ = true;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    const std::string_view text = vocabulary.text(id);
    const TokenKind kind = vocabulary.kind(id);
    if (kind == TokenKind::kByte) {
      const auto byte = byte_of_token(text);
      if (!byte) {
        throw FormatError("{}: token {} is a byte token, but {} is not of the form <0xNN>", origin,
                          i, quoted(text));
      }
      if (byte_tokens_[*byte] != kNoToken) {
        throw FormatError("{}: tokens {} and {} both stand for byte 0x{:02X}", origin,
                          byte_tokens_[*byte].value(), i, *byte);
      }
      byte_tokens_[*byte] = id;
    } else if (is_piece(kind) && continues_past_word(text)) {
      words_are_independent_ = false;
    }
  }
  spells_bytes_ =
      std::find(byte_tokens_.begin(), byte_tokens_.end(), kNoToken) == byte_tokens_.end();
  if (!spells_bytes_ && !options_.unknown) {
    throw FormatError("{}: the vocabulary has neither a token for each byte nor an unknown token",
                      origin);
  }
}

std::string SentencePieceBpe::normalize(std::string_view text, bool first) const {
  std::string stripped;
  if (options_.remove_extra_whitespaces) {
    stripped = without_extra_spaces(text);
    text = stripped;
  }
  std::string marked = with_space_marks(text);
  if (first && options_.add_space_prefix && !text.empty()) marked.insert(0, kSpaceMark);
  while (options_.remove_extra_whitespaces && marked.ends_with(kSpaceMark)) {
    marked.resize(marked.size() - kSpaceMark.size());
  }
  return marked;
}

void SentencePieceBpe::encode(const Vocabulary& vocabulary, const TextSpan& span,
                              EncodeContext& context) const {
  const std::string marked = normalize(span.text, span.first);
  const std::string_view all = marked;
  std::size_t begin = 0;  // of the word
  bool only_marks = true;
  const auto flush = [&](std::size_t end) {
    if (end != begin) encode_word(vocabulary, all.substr(begin, end - begin), context);
    begin = end;
    only_marks = true;
  };
  for (std::size_t pos = 0; pos < all.size();) {
    if (!user_defined_.empty()) {
      if (const auto match = user_defined_.longest_at(all, pos, 0)) {
        flush(pos);
        context.out.push_back(match->token->id);
        pos = match->end;
        begin = pos;
        continue;
      }
    }
    const bool mark = all.compare(pos, kSpaceMark.size(), kSpaceMark) == 0;
    if (mark && !only_marks && words_are_independent_) flush(pos);
    only_marks = only_marks && mark;
    pos += decode_utf8(all, pos).size;
  }
  flush(all.size());
}

void SentencePieceBpe::encode_word(const Vocabulary& vocabulary, std::string_view word,
                                   EncodeContext& context) const {
  ++context.stats.words;
  // Without byte tokens a word's tokens depend on what stands before: unknown ones fuse.
  if (spells_bytes_ && context.cache.append(word, context.out)) {
    ++context.stats.cached_words;
    return;
  }
  const std::size_t out_begin = context.out.size();
  merge_word(vocabulary, word, context);
  if (spells_bytes_) context.cache.remember(word, context.out, out_begin);
}

void SentencePieceBpe::emit_unknown(std::string_view text, EncodeContext& context) const {
  if (spells_bytes_) {
    for (const char c : text) {
      context.out.push_back(byte_tokens_[static_cast<unsigned char>(c)]);
    }
  } else if (context.out.empty() || context.out.back() != *options_.unknown) {
    // A run of unknown characters is one unknown token, as in SentencePiece.
    context.out.push_back(*options_.unknown);
  }
}

void SentencePieceBpe::merge_word(const Vocabulary& vocabulary, std::string_view word,
                                  EncodeContext& context) const {
  struct Symbol {
    std::uint32_t begin;
    std::uint32_t size;  // 0: merged into the one before
    std::uint32_t previous;
    std::uint32_t next;
  };
  struct Candidate {
    float score;
    std::uint32_t left;
    std::uint32_t size;  // bytes of both together, to tell outdated ones
  };
  constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score < b.score : a.left > b.left;
  };

  std::vector<Symbol> symbols;
  for (std::size_t pos = 0; pos < word.size();) {
    const auto size = std::uint32_t{decode_utf8(word, pos).size};
    const auto index = static_cast<std::uint32_t>(symbols.size());
    symbols.push_back({static_cast<std::uint32_t>(pos), size, index == 0 ? kNone : index - 1,
                       pos + size == word.size() ? kNone : index + 1});
    pos += size;
  }

  std::vector<Candidate> heap;
  // How an unused piece was put together: where to take it apart again. Bytes of its left part.
  std::unordered_map<std::string_view, std::uint32_t> unused_parts;
  const auto push = [&](std::uint32_t left, std::uint32_t right) {
    const std::uint32_t size = symbols[left].size + symbols[right].size;
    ++context.stats.merge_steps;
    if (size > vocabulary.longest()) return;
    const std::string_view joined = word.substr(symbols[left].begin, size);
    const auto id = vocabulary.find(joined);
    if (!id || !is_piece(vocabulary.kind(*id))) return;
    heap.push_back({vocabulary.score(*id), left, size});
    std::push_heap(heap.begin(), heap.end(), later);
    if (vocabulary.kind(*id) == TokenKind::kUnused) {
      unused_parts.insert_or_assign(joined, symbols[left].size);
    }
  };
  for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) push(i, i + 1);

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate top = heap.back();
    heap.pop_back();
    ++context.stats.merge_steps;
    Symbol& left = symbols[top.left];
    if (left.size == 0 || left.next == kNone) continue;
    const std::uint32_t right = left.next;
    if (left.size + symbols[right].size != top.size) continue;

    left.size = top.size;
    symbols[right].size = 0;
    left.next = symbols[right].next;
    if (left.next != kNone) {
      symbols[left.next].previous = top.left;
    }
    if (left.previous != kNone) push(left.previous, top.left);
    if (left.next != kNone) push(top.left, left.next);
  }

  std::vector<std::string_view> pending;
  for (std::uint32_t i = symbols.empty() ? kNone : 0; i != kNone; i = symbols[i].next) {
    pending.push_back(word.substr(symbols[i].begin, symbols[i].size));
    while (!pending.empty()) {
      const std::string_view text = pending.back();
      pending.pop_back();
      const auto id = vocabulary.find(text);
      if (!id || !is_piece(vocabulary.kind(*id))) {
        emit_unknown(text, context);
        continue;
      }
      const auto parts =
          vocabulary.kind(*id) == TokenKind::kUnused ? unused_parts.find(text) : unused_parts.end();
      if (parts == unused_parts.end()) {
        context.out.push_back(*id);
      } else {
        pending.push_back(text.substr(parts->second));
        pending.push_back(text.substr(0, parts->second));
      }
    }
  }
}

void SentencePieceBpe::append_bytes(const Vocabulary& vocabulary, TokenId id,
                                    std::string& out) const {
  const std::string_view text = vocabulary.text(id);
  switch (vocabulary.kind(id)) {
    case TokenKind::kByte:
      out.push_back(static_cast<char>(byte_of_token(text).value_or(0)));
      return;
    case TokenKind::kUnknown:
      out.append(kUnknownText);
      return;
    case TokenKind::kControl:
      out.append(text);
      return;
    case TokenKind::kNormal:
    case TokenKind::kUserDefined:
    case TokenKind::kUnused:
      break;
  }
  for (std::size_t pos = 0; pos < text.size();) {
    if (text.compare(pos, kSpaceMark.size(), kSpaceMark) == 0) {
      out.push_back(' ');
      pos += kSpaceMark.size();
    } else {
      out.push_back(text[pos++]);
    }
  }
}

}  // namespace sirocco
