#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sirocco {

/// Finds where characters as people count them begin (extended grapheme clusters, UAX #29), one
/// code point after the other.
class ClusterBoundaries {
 public:
  /// Takes the next code point. Whether a cluster begins with it; true for the first one.
  bool push(char32_t c);

 private:
  std::int32_t before_ = -1;
  std::int32_t state_ = 0;
};

/// Sums up the columns that a terminal gives a cluster: those of its widest code point (UAX #11; 0
/// for control characters), 2 for a flag and for what U+FE0F makes an emoji.
class ClusterColumns {
 public:
  void push(char32_t c);
  int columns() const { return columns_; }

 private:
  int columns_ = 0;
  bool regional_ = false;  // half of a flag
};

/// A cluster of a text.
struct Cluster {
  std::size_t size;  ///< bytes
  int columns;
};

/// The cluster that begins at `text[pos]`; a part that isn't UTF-8 counts as U+FFFD. pos <
/// text.size().
Cluster cluster_at(std::string_view text, std::size_t pos);

/// Where the cluster begins that ends at `pos`, the beginning of another one. 0 < pos <=
/// text.size().
std::size_t cluster_before(std::string_view text, std::size_t pos);

/// Columns of a text without control characters on one line.
std::size_t columns_of(std::string_view text);

}  // namespace sirocco
