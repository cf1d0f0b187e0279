#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// Makes byte tokens (`kByte`) of the entries "<0x00>" to "<0xFF>" of those bytes that no entry of
/// this kind stands for: files are known to give them any type, or none. Only while building.
/// Throws FormatError for a byte token that isn't <0xNN> or comes twice.
void find_byte_tokens(Vocabulary& vocabulary, std::string_view origin);

/// ByteTokens are the tokens of a vocabulary that stand for one byte each and spell what no other
/// token does: those of kind `kByte`, and ordinary ones named "<0x00>" to "<0xFF>".
class ByteTokens {
 public:
  /// None.
  ByteTokens() { ids_.fill(-1); }
  /// Those that `vocabulary` holds.
  explicit ByteTokens(const Vocabulary& vocabulary);

  bool empty() const noexcept { return count_ == 0; }
  bool complete() const noexcept { return count_ == ids_.size(); }

  /// Appends the tokens of these bytes, all or none; says whether it did.
  bool append(std::string_view bytes, std::vector<TokenId>& out) const;

 private:
  std::array<std::int32_t, 256> ids_{};  // -1: none
  std::size_t count_ = 0;
};

}  // namespace sirocco
