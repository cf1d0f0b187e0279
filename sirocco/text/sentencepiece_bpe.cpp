#include "sirocco/text/sentencepiece_bpe.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/byte_token.hpp"
#include "sirocco/text/space_mark.hpp"
#include "sirocco/text/utf8.hpp"

namespace sirocco {
namespace {

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

}  // namespace

SentencePieceBpe::SentencePieceBpe(const Vocabulary& vocabulary, Options options,
                                   std::string_view origin)
    : options_(options), byte_tokens_(vocabulary), words_are_independent_(true) {
  for (std::size_t i = 0; i < vocabulary.size() && words_are_independent_; ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    words_are_independent_ =
        !is_piece(vocabulary.kind(id)) || !continues_past_word(vocabulary.text(id));
  }
  if (!byte_tokens_.complete() && !options_.unknown) {
    throw FormatError("{}: the vocabulary has neither a token for each byte nor an unknown token",
                      origin);
  }
}

std::string SentencePieceBpe::normalize(std::string_view text) const {
  std::string stripped;
  if (options_.remove_extra_whitespaces) {
    stripped = without_extra_spaces(text);
    text = stripped;
  }
  std::string marked = with_space_marks(text);
  if (options_.add_space_prefix && !text.empty()) marked.insert(0, kSpaceMark);
  while (options_.remove_extra_whitespaces && marked.ends_with(kSpaceMark)) {
    marked.resize(marked.size() - kSpaceMark.size());
  }
  return marked;
}

void SentencePieceBpe::encode(const Vocabulary& vocabulary, const TextSpan& span,
                              EncodeContext& context) const {
  const std::string marked = normalize(span.text);
  const std::string_view all = marked;
  const std::size_t first = context.out.size();
  if (!words_are_independent_) {
    encode_word(vocabulary, {all, first}, context);
    return;
  }
  // A word begins with a run of marks.
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin;
    while (all.compare(end, kSpaceMark.size(), kSpaceMark) == 0) end += kSpaceMark.size();
    end = std::min(all.find(kSpaceMark, end), all.size());
    encode_word(vocabulary, {all.substr(begin, end - begin), first}, context);
    begin = end;
  }
}

void SentencePieceBpe::encode_word(const Vocabulary& vocabulary, Word word,
                                   EncodeContext& context) const {
  ++context.stats.words;
  // Without byte tokens a word's tokens depend on what stands before: unknown ones fuse.
  const bool independent = byte_tokens_.complete();
  if (independent && context.cache.append(word.text, context.out)) {
    ++context.stats.cached_words;
    return;
  }
  const std::size_t begin = context.out.size();
  merge_word(vocabulary, word, context);
  if (independent) context.cache.remember(word.text, context.out, begin);
}

void SentencePieceBpe::emit_unknown(std::string_view text, std::size_t first,
                                    EncodeContext& context) const {
  if (byte_tokens_.append(text, context.out)) return;
  // A run of unknown characters is one unknown token, as in SentencePiece.
  if (context.out.size() == first || context.out.back() != *options_.unknown) {
    context.out.push_back(*options_.unknown);
  }
}

void SentencePieceBpe::merge_word(const Vocabulary& vocabulary, Word given,
                                  EncodeContext& context) const {
  const std::string_view word = given.text;
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
        emit_unknown(text, given.first, context);
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
