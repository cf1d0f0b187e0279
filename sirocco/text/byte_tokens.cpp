#include "sirocco/text/byte_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sirocco {

ByteTokens::ByteTokens(const Vocabulary& vocabulary) {
  ids_.fill(-1);
  for (std::size_t byte = 0; byte < ids_.size(); ++byte) {
    const auto id = vocabulary.find(fmt::format("<0x{:02X}>", byte));
    if (!id) continue;
    const TokenKind kind = vocabulary.kind(*id);
    // Neither kind is the model's own.
    if (kind == TokenKind::kControl || kind == TokenKind::kUserDefined) continue;
    ids_[byte] = id->value();
  }
  complete_ = std::find(ids_.begin(), ids_.end(), -1) == ids_.end();
}

bool ByteTokens::append(std::string_view bytes, std::vector<TokenId>& out) const {
  const auto id_of = [&](char c) { return ids_[static_cast<unsigned char>(c)]; };
  if (!complete_ && std::any_of(bytes.begin(), bytes.end(), [&](char c) { return id_of(c) < 0; })) {
    return false;
  }
  for (const char c : bytes) out.emplace_back(id_of(c));
  return true;
}

}  // namespace sirocco
