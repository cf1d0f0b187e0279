#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/flat_index.hpp"
#include "sirocco/text/stages/split_pattern.hpp"

namespace sirocco {

/// A MergeTable is the merges of a byte-pair encoding: which two neighbouring tokens become which,
/// and in what order. Immutable once filled, safe to share between threads.
class MergeTable {
 public:
  explicit MergeTable(std::size_t expected) : index_(expected) { rules_.reserve(expected); }

  /// Adds the next merge in order. A pair that is there already keeps its rank.
  void add(TokenId left, TokenId right, TokenId merged);

  /// Adds the next merge in order; a pair that is there already loses its rank. Without `merged`
  /// the pair takes its rank away from others, but doesn't merge.
  void set(TokenId left, TokenId right, std::optional<TokenId> merged);

  std::size_t size() const noexcept { return rules_.size(); }

  /// Merges the tokens of one word in place: always the pair of the lowest rank, the leftmost of
  /// equals, until no neighbours merge (Sennrich et al. 2016, as Hugging Face's tokenizers do it).
  /// n log n steps for n tokens.
  void apply(std::vector<TokenId>& word, TokenizeStats& stats) const;

 private:
  struct Rule {
    std::uint64_t pair;
    TokenId merged;
  };

  static std::uint64_t pair_of(TokenId left, TokenId right) noexcept {
    return (std::uint64_t{static_cast<std::uint32_t>(left.value())} << 32U) |
           static_cast<std::uint32_t>(right.value());
  }
  /// The rank of this pair, or -1.
  std::int32_t rank(TokenId left, TokenId right) const noexcept {
    const std::uint64_t pair = pair_of(left, right);
    return index_.find(
        mix_product(pair ^ index_.seed(), 0x9E3779B97F4A7C15ULL),
        [&](std::int32_t rule) { return rules_[static_cast<std::size_t>(rule)].pair == pair; });
  }

  void append(std::uint64_t pair, TokenId merged);
  void apply_by_scan(std::vector<TokenId>& word, TokenizeStats& stats) const;
  void apply_by_heap(std::vector<TokenId>& word, TokenizeStats& stats) const;

  std::vector<Rule> rules_;
  FlatIndex index_;
};

}  // namespace sirocco
