#pragma once

#include <cstdint>

namespace sirocco {

/// TokenizeStats are what tokenizing cost, for tests and reports: every number grows at most in
/// proportion to the input (merge_steps: times its logarithm).
struct TokenizeStats {
  std::uint64_t pattern_matches = 0;  ///< calls of the matcher
  std::uint64_t pattern_retries = 0;  ///< of those, repeated with a higher limit of steps
  std::uint64_t pattern_cuts = 0;     ///< places cut bluntly because the steps were used up
  std::uint64_t merge_steps = 0;      ///< pairs looked at, and heap operations
  std::uint64_t words = 0;            ///< pieces given to the merger
  std::uint64_t cached_words = 0;     ///< of those, answered from an equal piece of the same text
};

}  // namespace sirocco
