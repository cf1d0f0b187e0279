#pragma once

#include <cstdint>

#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/pipeline/stop_matcher.hpp"
#include "sirocco/server/generation.hpp"

namespace sirocco::request_testing {

/// What must hold of what any body said. `Require` is called with what must be true.
template <class Require>
void check_generation(const Generation& generation, Require require) {
  constexpr std::int64_t kAllIds = std::int64_t{1} << 31;
  validate(generation.sampling.over({}, 1), kAllIds);
  const StopMatcher stop(generation.stop);
  require(generation.choices >= 1 && generation.choices <= kMaxChoices);
  require(!generation.alternatives || *generation.alternatives <= 20);
  require(!generation.timeout_s || *generation.timeout_s > 0);
  require(generation.max_tokens.value_or(1) >= 0);
}

}  // namespace sirocco::request_testing
