#include "sirocco/text/stages/charsmap.hpp"

#include <cstring>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

// A unit of the double array (Darts-clone): a label, a leaf's value, and where the children lie.
std::uint32_t label_of(std::uint32_t unit) { return unit & ((1U << 31U) | 0xFFU); }
std::uint32_t value_of(std::uint32_t unit) { return unit & ((1U << 31U) - 1); }
bool has_leaf(std::uint32_t unit) { return ((unit >> 8U) & 1U) != 0; }
std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10U) << ((unit & (1U << 9U)) >> 6U); }

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

}  // namespace

Charsmap::Charsmap(std::string_view blob, std::string_view origin) {
  std::uint32_t trie_bytes = 0;
  if (blob.size() >= sizeof(trie_bytes)) std::memcpy(&trie_bytes, blob.data(), sizeof(trie_bytes));
  if (blob.size() < sizeof(trie_bytes) || trie_bytes == 0 || trie_bytes % 4 != 0 ||
      trie_bytes > blob.size() - sizeof(trie_bytes)) {
    throw FormatError(
        "{}: the charsmap of {} bytes announces a table of {} bytes, which must be a positive "
        "multiple of 4 and lie within",
        origin, blob.size(), trie_bytes);
  }
  blob.remove_prefix(sizeof(trie_bytes));
  units_.resize(trie_bytes / 4);
  std::memcpy(units_.data(), blob.data(), trie_bytes);
  blob.remove_prefix(trie_bytes);
  replacements_ = blob;
  if (!is_utf8(replacements_)) {
    throw FormatError("{}: a replacement of the charsmap is not UTF-8", origin);
  }
  if (!replacements_.empty() && replacements_.back() != '\0') replacements_.push_back('\0');
}

template <class OnMatch>
void Charsmap::walk(std::string_view text, OnMatch&& on_match) const noexcept {
  std::uint32_t at = offset_of(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) return;
    at ^= byte;
    if (at >= units_.size() || label_of(units_[at]) != byte) return;
    const std::uint32_t unit = units_[at];
    at ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (at >= units_.size()) return;
    const std::uint32_t value = value_of(units_[at]);
    if (value >= replacements_.size()) return;
    // A map that cuts characters would make text that is none.
    if (continues_character(replacements_[value])) return;
    if (i + 1 < text.size() && continues_character(text[i + 1])) continue;
    if (!on_match(Match{replacements_.c_str() + value, i + 1})) return;
  }
}

std::optional<Charsmap::Match> Charsmap::longest(std::string_view text) const noexcept {
  std::optional<Match> best;
  walk(text, [&](Match match) {
    best = match;
    return true;
  });
  return best;
}

std::optional<Charsmap::Match> Charsmap::shortest(std::string_view text) const noexcept {
  std::optional<Match> best;
  walk(text, [&](Match match) {
    best = match;
    return false;
  });
  return best;
}

}  // namespace sirocco
