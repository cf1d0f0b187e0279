#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sirocco::bench {

/// Lengths from `min` to `max`, a factor of two as often as any other.
struct Lengths {
  int min = 1;
  int max = 1;
};

/// What one request asks for.
struct Plan {
  std::string prompt;  ///< words, each about a token; nothing in it needs an escape in JSON
  int prompt_words = 0;
  int answer_tokens = 0;
};

/// Requests made of a seed and their number alone: any server is asked the same, in whatever order
/// it answers. No two prompts begin alike, so that no cache of prompts has a part of one.
class Workload {
 public:
  Workload(std::uint64_t seed, Lengths prompt, Lengths answer)
      : seed_(seed), prompt_(prompt), answer_(answer) {}

  Plan plan(std::uint64_t number) const;
  /// So many words, as a prompt has them.
  std::string words(std::uint64_t number, int count) const;

 private:
  std::uint64_t seed_;
  Lengths prompt_;
  Lengths answer_;
};

/// When so many requests come, in seconds from the beginning: `rate` a second on average, each
/// whenever it likes (a Poisson process).
std::vector<double> arrivals(std::uint64_t seed, double rate, int count);

}  // namespace sirocco::bench
