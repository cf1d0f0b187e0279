#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace sirocco {

/// An integer that means one thing: no arithmetic, no conversion to another id.
template <class Tag, class Rep>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  Rep value_ = 0;
};

using TokenId = StrongId<struct TokenIdTag, std::int32_t>;        ///< index into a vocabulary
using Position = StrongId<struct PositionTag, std::int32_t>;      ///< place in a sequence, from 0
using BlockId = StrongId<struct BlockIdTag, std::int32_t>;        ///< one block of a KV pool
using LayerIndex = StrongId<struct LayerIndexTag, std::int32_t>;  ///< layer of a model, from 0
using SequenceId =
    StrongId<struct SequenceIdTag, std::uint64_t>;  ///< one request, never reused in a process

}  // namespace sirocco

template <class Tag, class Rep>
struct std::hash<sirocco::StrongId<Tag, Rep>> {
  std::size_t operator()(sirocco::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>{}(id.value());
  }
};
