#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

namespace sirocco {

/// A seed for the hashes of one table. Keys come from files, so the seed differs from run to run:
/// nobody can prepare a vocabulary whose entries all collide. It decides where an entry lies, never
/// what a lookup answers.
inline std::uint64_t random_hash_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

/// 64 mixed bits of the 128-bit product: the core of both hashes below.
inline std::uint64_t mix_product(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

inline std::uint64_t hash_bytes(std::string_view key, std::uint64_t seed) noexcept {
  std::uint64_t state = seed ^ (key.size() * 0x9E3779B97F4A7C15ULL);
  const char* data = key.data();
  std::size_t left = key.size();
  while (left >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, 8);
    state = mix_product(state ^ word, 0xD6E8FEB86659FD93ULL ^ seed);
    data += 8;
    left -= 8;
  }
  std::uint64_t tail = 0;
  if (left != 0) std::memcpy(&tail, data, left);
  return mix_product(state ^ tail, 0xA0761D6478BD642FULL);
}

/// A FlatIndex is an open-addressing map from keys to 32-bit values that keeps no keys: a slot
/// holds 32 bits of the hash and the value, and the caller says whether the value's key is the one
/// looked for. Built once, then only read.
class FlatIndex {
 public:
  FlatIndex() : FlatIndex(0) {}
  explicit FlatIndex(std::size_t expected)
      : slots_(std::bit_ceil(expected + expected / 2 + 8)), seed_(random_hash_seed()) {}

  std::uint64_t seed() const noexcept { return seed_; }

  /// The value whose key `is_key(value)` accepts, or -1.
  template <class IsKey>
  std::int32_t find(std::uint64_t hash, IsKey&& is_key) const noexcept {
    const std::uint32_t tag = tag_of(hash);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      const Slot& slot = slots_[i];
      if (slot.value < 0) return -1;
      if (slot.tag == tag && is_key(slot.value)) return slot.value;
    }
  }

  /// Adds `value` (>= 0), whose key is not in the table yet. At most `expected` of them.
  void insert(std::uint64_t hash, std::int32_t value) noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = hash & mask;
    while (slots_[i].value >= 0) i = (i + 1) & mask;
    slots_[i] = {tag_of(hash), value};
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::int32_t value = -1;
  };

  static std::uint32_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32U);
  }

  std::vector<Slot> slots_;
  std::uint64_t seed_;
};

}  // namespace sirocco
