#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace sirocco::testing {

/// Numbers that are made and not stored, each a function of a seed, a name and its index: the
/// formula that tools/counted_values.py describes, with the same bits.
class CountedValues {
 public:
  CountedValues(std::uint64_t seed, std::string_view name) : key_(mix(hash(name) ^ seed * kStep)) {}

  /// The word with number `i`: SplitMix64 from a key on (https://prng.di.unimi.it/splitmix64.c).
  std::uint64_t word(std::uint64_t i) const { return mix(key_ + (i + 1) * kStep); }

  /// Values number 0 and up, bell-shaped within `spread` of `center`.
  void fill(float center, float spread, std::span<float> out) const {
    const float unit = spread / 131072.0f;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t w = word(i);
      const auto sum = (w & 0xFFFF) + (w >> 16 & 0xFFFF) + (w >> 32 & 0xFFFF) + (w >> 48);
      const float scaled = static_cast<float>(static_cast<std::int32_t>(sum) - 131070) * unit;
      out[i] = center + scaled;
    }
  }

  /// What tells two files apart, as the script has it.
  static std::uint64_t digest(std::span<const std::byte> bytes) {
    std::uint64_t total = bytes.size();
    for (std::size_t i = 0; 8 * i < bytes.size(); ++i) {
      const std::span<const std::byte> rest = bytes.subspan(8 * i);
      std::uint64_t read = 0;
      std::memcpy(&read, rest.data(), rest.size() < 8 ? rest.size() : 8);
      total += mix(read + (i + 1) * kStep);
    }
    return total;
  }

 private:
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15;

  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
  }
  static std::uint64_t hash(std::string_view text) {
    std::uint64_t state = 0xCBF29CE484222325;
    for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    return state;
  }

  std::uint64_t key_;
};

}  // namespace sirocco::testing
