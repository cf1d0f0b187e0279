#pragma once

#include <array>
#include <cstdint>

namespace sirocco {

/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): 128 random
/// bits, a pure function of key and counter.
constexpr std::array<std::uint32_t, 4> philox(std::uint64_t key,
                                              std::array<std::uint32_t, 4> counter) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return counter;
}

/// A number in [0, 1) with 53 random bits.
constexpr double uniform(std::uint64_t seed, std::uint64_t position, std::uint32_t choice) {
  const auto bits = philox(seed, {static_cast<std::uint32_t>(position),
                                  static_cast<std::uint32_t>(position >> 32), choice, 0});
  const std::uint64_t wide = (std::uint64_t{bits[1]} << 32 | bits[0]) >> 11;
  return static_cast<double>(wide) * 0x1p-53;
}

}  // namespace sirocco
