#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/flat_index.hpp"

namespace sirocco {

/// A PieceTrie is texts by their beginnings: which of them begin another text, each byte looked at
/// once. Immutable once built, safe to share between threads.
class PieceTrie {
 public:
  struct Piece {
    std::string_view text;
    TokenId id;
  };
  using Node = std::int32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kNowhere = -1;

  /// The longest text that is taken: it bounds the work a byte.
  static constexpr std::size_t kMaxPieceBytes = 1024;

  PieceTrie() : PieceTrie({}, "") {}
  /// Texts are not empty and differ. `origin` names the file where one is too long: FormatError.
  PieceTrie(std::vector<Piece> pieces, std::string_view origin);

  /// The node that one more byte leads to, or kNowhere.
  Node step(Node node, unsigned char byte) const noexcept {
    const std::uint64_t key = key_of(node, byte);
    return index_.find(hash_of(key), [&](std::int32_t child) {
      return keys_[static_cast<std::size_t>(child)] == key;
    });
  }
  /// The node where `text` ends, or kNowhere.
  Node walk(Node node, std::string_view text) const noexcept {
    for (std::size_t i = 0; i < text.size() && node != kNowhere; ++i) {
      node = step(node, static_cast<unsigned char>(text[i]));
    }
    return node;
  }
  /// The id of the text that ends at this node, or -1.
  std::int32_t id_at(Node node) const noexcept { return ids_[static_cast<std::size_t>(node)]; }

 private:
  static std::uint64_t key_of(Node node, unsigned char byte) noexcept {
    return (std::uint64_t{static_cast<std::uint32_t>(node)} << 8U) | byte;
  }
  std::uint64_t hash_of(std::uint64_t key) const noexcept {
    return mix_product(key ^ index_.seed(), 0x9E3779B97F4A7C15ULL);
  }

  std::vector<std::uint64_t> keys_;  // of a node: its parent and the byte between
  std::vector<std::int32_t> ids_;
  FlatIndex index_;
};

}  // namespace sirocco
