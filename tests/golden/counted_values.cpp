#include <cstring>

#include "tests/golden/counted_values_testing.hpp"

namespace sirocco::testing {
namespace {

constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15;

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t state = 0xCBF29CE484222325;
  for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return state;
}

}  // namespace

CountedValues::CountedValues(std::uint64_t seed, std::string_view name)
    : key_(mix(fnv1a64(name) ^ seed * kStep)) {}

std::uint64_t CountedValues::word(std::uint64_t i) const { return mix(key_ + (i + 1) * kStep); }

void CountedValues::fill(float center, float spread, std::span<float> out) const {
  const float unit = spread / 131072.0f;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t w = word(i);
    const auto sum = (w & 0xFFFF) + (w >> 16 & 0xFFFF) + (w >> 32 & 0xFFFF) + (w >> 48);
    const float scaled = static_cast<float>(static_cast<std::int32_t>(sum) - 131070) * unit;
    out[i] = center + scaled;
  }
}

std::uint64_t CountedValues::digest(std::span<const std::byte> bytes) {
  std::uint64_t total = bytes.size();
  for (std::size_t i = 0; 8 * i < bytes.size(); ++i) {
    const std::span<const std::byte> rest = bytes.subspan(8 * i);
    std::uint64_t read = 0;
    std::memcpy(&read, rest.data(), rest.size() < 8 ? rest.size() : 8);
    total += mix(read + (i + 1) * kStep);
  }
  return total;
}

}  // namespace sirocco::testing
