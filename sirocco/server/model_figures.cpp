#include "sirocco/server/model_figures.hpp"

#include <algorithm>

namespace sirocco {

FinishReason worse(FinishReason a, FinishReason b) {
  static_assert(FinishReason::kStop < FinishReason::kLength &&
                FinishReason::kLength < FinishReason::kContextFull &&
                FinishReason::kContextFull < FinishReason::kTimeLimit &&
                FinishReason::kTimeLimit < FinishReason::kCancelled &&
                FinishReason::kCancelled < FinishReason::kFailed);
  return std::max(a, b);
}

void ModelFigures::add_end(FinishReason reason, std::int64_t cached,
                           const RequestTimings& timings) {
  ++ended_jobs;
  cached_tokens += cached;
  queued_s = std::max(queued_s, timings.queued_s);
  first_s = std::max(first_s, timings.queued_s + timings.first_s);
  worst = worse(worst, reason);
}

FinishReason ModelFigures::reason() const {
  return ended_jobs < jobs ? worse(worst, FinishReason::kCancelled) : worst;
}

}  // namespace sirocco
