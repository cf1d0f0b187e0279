#pragma once

#include <cstddef>
#include <cstdint>

/// How a KV cache keeps its elements. Compiled into the tiers' objects: nothing here emits code.
namespace sirocco {

enum class KvType : std::uint8_t {
  kF32,
  kF16,
  kQ8_0,  ///< int8 with an f16 scale for each 32 elements of a key or a value
};

inline constexpr int kKvTypes = 3;
inline constexpr int kKvPanel = 16;  ///< positions that stand together
inline constexpr int kKvBlock = 32;  ///< elements that share a scale

/// Scales of one key or value of `dim` elements.
constexpr std::int64_t kv_scales(KvType type, std::int64_t dim) {
  return type == KvType::kQ8_0 ? (dim + kKvBlock - 1) / kKvBlock : 0;
}

/// Bytes of one head's keys, or values, of `dim` elements at 16 positions.
constexpr std::int64_t kv_panel_bytes(KvType type, std::int64_t dim) {
  const std::int64_t element = type == KvType::kF32 ? 4 : type == KvType::kF16 ? 2 : 1;
  return kKvPanel * (dim * element + kv_scales(type, dim) * 2);
}

}  // namespace sirocco
