#pragma once

#include <cstddef>
#include <cstdint>

namespace sirocco::jinja {

/// What one rendering may cost; beyond it, ResourceExhausted.
struct Limits {
  std::size_t max_memory = std::size_t{256} << 20;  ///< bytes of values alive at a time
  std::size_t max_output = std::size_t{64} << 20;   ///< bytes of text
  std::uint64_t max_steps = 20'000'000;             ///< nodes visited, and 64 bytes touched
};

}  // namespace sirocco::jinja
