#include "sirocco/text/vocabulary.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::size_t without_empty_tail(std::span<const VocabularyEntry> entries) {
  std::size_t end = entries.size();
  while (end > 0 && entries[end - 1].text.empty()) --end;
  return end;
}

}  // namespace

Vocabulary::Vocabulary(std::span<const VocabularyEntry> entries, std::string_view origin)
    : index_(entries.size()) {
  if (entries.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw FormatError("{}: a vocabulary of {} tokens; ids have 31 bits", origin, entries.size());
  }
  const std::size_t tail = without_empty_tail(entries);
  if (tail == 0) throw FormatError("{}: the vocabulary holds no tokens", origin);

  std::size_t bytes = 0;
  for (const VocabularyEntry& entry : entries) bytes += entry.text.size();
  texts_.reserve(bytes);
  begins_.reserve(entries.size() + 1);
  kinds_.reserve(entries.size());
  scores_.reserve(entries.size());

  begins_.push_back(0);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const VocabularyEntry& entry = entries[i];
    const TokenId id(static_cast<std::int32_t>(i));
    if (std::isnan(entry.score)) {
      throw FormatError("{}: the score of token {} ({}) is not a number", origin, i,
                        quoted(entry.text));
    }
    texts_.append(entry.text);
    begins_.push_back(texts_.size());
    kinds_.push_back(entry.kind);
    scores_.push_back(entry.score);
    max_text_bytes_ = std::max(max_text_bytes_, entry.text.size());

    const bool padding = entry.kind == TokenKind::kUnused || i >= tail;
    if (entry.text.empty()) {
      if (padding) continue;
      throw FormatError(
          "{}: token {} is empty; only padding (type {}, or the end of the list) may be", origin, i,
          static_cast<int>(TokenKind::kUnused));
    }
    const std::uint64_t hash = hash_bytes(entry.text, index_.seed());
    const std::int32_t before =
        index_.find(hash, [&](std::int32_t value) { return text(TokenId(value)) == entry.text; });
    if (before < 0) {
      index_.insert(hash, id.value());
    } else if (!padding) {
      throw FormatError("{}: tokens {} and {} are both {}; a text needs one id", origin, before, i,
                        quoted(entry.text));
    }
  }
}

bool Vocabulary::is_padding_text(std::string_view text, TokenId id) noexcept {
  constexpr std::string_view kBegin = "[PAD";
  if (!text.starts_with(kBegin) || !text.ends_with(']')) return false;
  const std::string_view digits = text.substr(kBegin.size(), text.size() - kBegin.size() - 1);
  std::int32_t number = -1;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return status == std::errc() && end == digits.data() + digits.size() && number == id.value();
}

std::optional<TokenId> Vocabulary::find(std::string_view wanted) const noexcept {
  const std::int32_t value =
      index_.find(hash_bytes(wanted, index_.seed()),
                  [&](std::int32_t candidate) { return text(TokenId(candidate)) == wanted; });
  if (value < 0) return std::nullopt;
  return TokenId(value);
}

}  // namespace sirocco
