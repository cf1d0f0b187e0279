#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// Looks for stop strings in text that arrives in pieces. Passes on everything before the first
/// one, at once unless it may still turn out to begin one. What it finds doesn't depend on where
/// the pieces are cut: the stop string that ends first, of those the longest. Time is proportional
/// to the text times the number of stop strings.
class StopMatcher {
 public:
  static constexpr std::size_t kMaxStrings = 64;
  static constexpr std::size_t kMaxBytes = 1024;  ///< of one string

  StopMatcher() = default;
  /// Throws InvalidArgument for an empty string, one that is too long, or too many.
  explicit StopMatcher(std::vector<std::string> strings);

  /// The text that can be shown now. Nothing more once a stop string was found.
  std::string push(std::string_view text);
  /// The text ends: what was held back.
  std::string finish();
  bool stopped() const { return stopped_; }
  /// The stop string that was found; empty until then.
  std::string_view found() const { return found_; }

 private:
  struct Pattern {
    std::string text;
    std::vector<std::uint32_t> fallback;  // Knuth, Morris, Pratt 1977
    std::uint32_t matched = 0;
  };
  std::vector<Pattern> patterns_;
  std::string held_;
  std::string found_;
  bool stopped_ = false;
};

}  // namespace sirocco
