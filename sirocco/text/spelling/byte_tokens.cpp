#include "sirocco/text/spelling/byte_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"

namespace sirocco {
namespace {

constexpr std::int32_t kNone = -1;

using Ids = std::array<std::int32_t, 256>;

std::optional<TokenId> find_by_name(const Vocabulary& vocabulary, std::size_t byte) {
  return vocabulary.find(fmt::format("<0x{:02X}>", byte));
}

// Calls `each(id, byte)` for every entry of the kind; no byte where the text isn't <0xNN>.
template <class Each>
void for_each_byte_token(const Vocabulary& vocabulary, Each&& each) {
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    if (vocabulary.kind(id) == TokenKind::kByte)
      each(id, byte_of_hex_spelling(vocabulary.text(id)));
  }
}

}  // namespace

void find_byte_tokens(Vocabulary& vocabulary, std::string_view origin) {
  Ids ids;
  ids.fill(kNone);
  for_each_byte_token(vocabulary, [&](TokenId id, std::optional<unsigned char> byte) {
    if (!byte) {
      throw FormatError("{}: token {} is a byte token, but {} is not of the form <0xNN>", origin,
                        id.value(), quoted(vocabulary.text(id)));
    }
    if (ids[*byte] != kNone) {
      throw FormatError("{}: tokens {} and {} both stand for byte 0x{:02X}", origin, ids[*byte],
                        id.value(), *byte);
    }
    ids[*byte] = id.value();
  });
  for (std::size_t byte = 0; byte < ids.size(); ++byte) {
    if (ids[byte] != kNone) continue;
    if (const auto id = find_by_name(vocabulary, byte)) vocabulary.relabel(*id, TokenKind::kByte);
  }
}

ByteTokens::ByteTokens(const Vocabulary& vocabulary) {
  ids_.fill(kNone);
  for_each_byte_token(vocabulary, [&](TokenId id, std::optional<unsigned char> byte) {
    if (byte) ids_[*byte] = id.value();
  });
  for (std::size_t byte = 0; byte < ids_.size(); ++byte) {
    if (ids_[byte] != kNone) continue;
    const auto id = find_by_name(vocabulary, byte);
    if (!id) continue;
    const TokenKind kind = vocabulary.kind(*id);
    // Neither kind is the model's own.
    if (kind == TokenKind::kControl || kind == TokenKind::kUserDefined) continue;
    ids_[byte] = id->value();
  }
  count_ = ids_.size() - static_cast<std::size_t>(std::count(ids_.begin(), ids_.end(), kNone));
}

bool ByteTokens::append(std::string_view bytes, std::vector<TokenId>& out) const {
  const auto id_of = [&](char c) { return ids_[static_cast<unsigned char>(c)]; };
  if (!complete() &&
      std::any_of(bytes.begin(), bytes.end(), [&](char c) { return id_of(c) == kNone; })) {
    return false;
  }
  for (const char c : bytes) out.emplace_back(id_of(c));
  return true;
}

}  // namespace sirocco
