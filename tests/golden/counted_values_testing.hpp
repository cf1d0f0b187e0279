#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sirocco::testing {

/// Numbers that are made and not stored, each a function of a seed, a name and its index: the
/// formula that tools/counted_values.py describes, with the same bits.
class CountedValues {
 public:
  CountedValues(std::uint64_t seed, std::string_view name);

  /// The word with number `i`: SplitMix64 from a key on (https://prng.di.unimi.it/splitmix64.c).
  std::uint64_t word(std::uint64_t i) const;

  /// Values number 0 and up, bell-shaped within `spread` of `center`.
  void fill(float center, float spread, std::span<float> out) const;

  /// What tells two files apart, as the script has it.
  static std::uint64_t digest(std::span<const std::byte> bytes);

 private:
  std::uint64_t key_;
};

}  // namespace sirocco::testing
