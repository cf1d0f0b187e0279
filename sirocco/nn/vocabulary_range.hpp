#pragma once

#include <cstdint>

#include "sirocco/base/ids.hpp"

namespace sirocco {

/// A VocabularyRange is the tokens [begin, end) of a vocabulary: the rows that a part of its head
/// has. `begin` is a multiple of kPanelRows.
struct VocabularyRange {
  TokenId begin;
  TokenId end;
  std::int64_t size() const { return std::int64_t{end.value()} - begin.value(); }
  friend bool operator==(const VocabularyRange&, const VocabularyRange&) = default;
};

}  // namespace sirocco
