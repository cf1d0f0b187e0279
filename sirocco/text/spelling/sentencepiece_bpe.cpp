#include "sirocco/text/spelling/sentencepiece_bpe.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"
#include "sirocco/text/unicode/space_mark.hpp"

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

/// One word while its characters are joined to pieces.
class WordMerger {
 public:
  /// The characters of `word`, and what any two neighbours would become.
  WordMerger(const Vocabulary& vocabulary, std::string_view word, TokenizeStats& stats)
      : vocabulary_(vocabulary), word_(word), stats_(stats) {
    for (std::size_t pos = 0; pos < word.size();) {
      const auto size = std::uint32_t{decode_utf8(word, pos).size};
      const auto index = static_cast<std::uint32_t>(symbols_.size());
      symbols_.push_back({static_cast<std::uint32_t>(pos), size, index == 0 ? kNone : index - 1,
                          pos + size == word.size() ? kNone : index + 1});
      pos += size;
    }
    for (std::uint32_t i = 0; i + 1 < symbols_.size(); ++i) propose(i, i + 1);
  }

  /// Joins neighbours, the best first, until no two make a piece.
  void merge() {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), is_worse);
      const Candidate best = heap_.back();
      heap_.pop_back();
      ++stats_.merge_steps;
      if (is_current(best)) join(best);
    }
  }

  /// Calls `emit(text, id)` for what the word has become, in order; without an id it is no piece.
  template <class Emit>
  void for_each_piece(Emit emit) const {
    std::vector<std::string_view> pending;
    for (std::uint32_t i = symbols_.empty() ? kNone : 0; i != kNone; i = symbols_[i].next) {
      pending.push_back(word_.substr(symbols_[i].begin, symbols_[i].size));
      while (!pending.empty()) {
        const std::string_view text = pending.back();
        pending.pop_back();
        const std::optional<TokenId> id = find_piece(text);
        const auto parts = id && vocabulary_.kind(*id) == TokenKind::kUnused
                               ? unused_parts_.find(text)
                               : unused_parts_.end();
        if (parts == unused_parts_.end()) {
          emit(text, id);
        } else {
          pending.push_back(text.substr(parts->second));
          pending.push_back(text.substr(0, parts->second));
        }
      }
    }
  }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

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
  static bool is_worse(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score < b.score : a.left > b.left;
  }

  std::optional<TokenId> find_piece(std::string_view text) const {
    const auto id = vocabulary_.find(text);
    return id && is_piece(vocabulary_.kind(*id)) ? id : std::nullopt;
  }

  void propose(std::uint32_t left, std::uint32_t right) {
    const std::uint32_t size = symbols_[left].size + symbols_[right].size;
    ++stats_.merge_steps;
    if (size > vocabulary_.max_text_bytes()) return;
    const std::string_view joined = word_.substr(symbols_[left].begin, size);
    const auto id = find_piece(joined);
    if (!id) return;
    heap_.push_back({vocabulary_.score(*id), left, size});
    std::push_heap(heap_.begin(), heap_.end(), is_worse);
    if (vocabulary_.kind(*id) == TokenKind::kUnused) {
      unused_parts_.insert_or_assign(joined, symbols_[left].size);
    }
  }

  bool is_current(const Candidate& candidate) const {
    const Symbol& left = symbols_[candidate.left];
    return left.size != 0 && left.next != kNone &&
           left.size + symbols_[left.next].size == candidate.size;
  }

  void join(const Candidate& candidate) {
    Symbol& left = symbols_[candidate.left];
    Symbol& right = symbols_[left.next];
    left.size = candidate.size;
    right.size = 0;
    left.next = right.next;
    if (left.next != kNone) symbols_[left.next].previous = candidate.left;
    if (left.previous != kNone) propose(left.previous, candidate.left);
    if (left.next != kNone) propose(candidate.left, left.next);
  }

  const Vocabulary& vocabulary_;
  std::string_view word_;
  TokenizeStats& stats_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
  // How an unused piece was put together: where to take it apart again. Bytes of its left part.
  std::unordered_map<std::string_view, std::uint32_t> unused_parts_;
};

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

void SentencePieceBpe::merge_word(const Vocabulary& vocabulary, Word word,
                                  EncodeContext& context) const {
  WordMerger merger(vocabulary, word.text, context.stats);
  merger.merge();
  merger.for_each_piece([&](std::string_view text, std::optional<TokenId> piece) {
    if (piece) {
      context.out.push_back(*piece);
    } else {
      emit_unknown(text, word.first, context);
    }
  });
}

void SentencePieceBpe::append_bytes(const Vocabulary& vocabulary, TokenId id,
                                    std::string& out) const {
  const std::string_view text = vocabulary.text(id);
  switch (vocabulary.kind(id)) {
    case TokenKind::kByte:
      out.push_back(static_cast<char>(byte_of_hex_spelling(text).value_or(0)));
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
