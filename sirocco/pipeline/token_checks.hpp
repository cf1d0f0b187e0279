#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/base/ids.hpp"

namespace sirocco {

/// Throws InvalidArgument for the first token outside the vocabulary; `where` stands before it.
inline void require_tokens(std::span<const TokenId> tokens, std::int64_t vocabulary,
                           std::string_view where = {}) {
  for (const TokenId token : tokens) {
    if (token.value() >= 0 && token.value() < vocabulary) continue;
    throw InvalidArgument("{}there is no token {} in a vocabulary of {}", where, token.value(),
                          vocabulary);
  }
}

}  // namespace sirocco
