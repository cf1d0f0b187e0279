#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// The tokens "<0x00>" to "<0xFF>" of a vocabulary, which spell what no other token does.
class ByteTokens {
 public:
  /// None.
  ByteTokens() { ids_.fill(-1); }
  /// Those that `vocabulary` holds.
  explicit ByteTokens(const Vocabulary& vocabulary);

  bool complete() const noexcept { return complete_; }

  /// Appends the tokens of these bytes, all or none. Whether it did.
  bool append(std::string_view bytes, std::vector<TokenId>& out) const;

 private:
  std::array<std::int32_t, 256> ids_{};  // -1: none
  bool complete_ = false;
};

}  // namespace sirocco
