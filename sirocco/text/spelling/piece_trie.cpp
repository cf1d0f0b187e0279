#include "sirocco/text/spelling/piece_trie.hpp"

#include <algorithm>
#include <limits>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t size = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < size && a[i] == b[i]) ++i;
  return i;
}

}  // namespace

PieceTrie::PieceTrie(std::vector<Piece> pieces, std::string_view origin) {
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.text < b.text; });
  std::size_t nodes = 1;
  std::string_view before;
  for (const Piece& piece : pieces) {
    if (piece.text.size() > kMaxPieceBytes) {
      throw FormatError("{}: token {} ({}) has {} bytes of at most {}", origin, piece.id.value(),
                        quoted(piece.text), piece.text.size(), kMaxPieceBytes);
    }
    nodes += piece.text.size() - common_prefix(before, piece.text);
    before = piece.text;
  }
  if (nodes > static_cast<std::size_t>(std::numeric_limits<Node>::max())) {
    throw FormatError("{}: the vocabulary's texts are too long together", origin);
  }
  keys_.reserve(nodes);
  ids_.reserve(nodes);
  keys_.push_back(std::numeric_limits<std::uint64_t>::max());
  ids_.push_back(-1);
  index_ = FlatIndex(nodes);

  std::vector<Node> path{kRoot};  // the nodes of the piece before
  before = {};
  for (const Piece& piece : pieces) {
    path.resize(common_prefix(before, piece.text) + 1);
    for (std::size_t i = path.size() - 1; i < piece.text.size(); ++i) {
      const auto child = static_cast<Node>(keys_.size());
      const std::uint64_t key = key_of(path.back(), static_cast<unsigned char>(piece.text[i]));
      keys_.push_back(key);
      ids_.push_back(-1);
      index_.insert(hash_of(key), child);
      path.push_back(child);
    }
    ids_[static_cast<std::size_t>(path.back())] = piece.id.value();
    before = piece.text;
  }
}

}  // namespace sirocco
