#include "sirocco/pipeline/recommended_sampling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

template <float SamplingParams::*Field>
void assign(SamplingParams& params, double value) {
  params.*Field = static_cast<float>(value);
}

/// Off is said by 0 and by what is less.
void assign_top_k(SamplingParams& params, double value) {
  params.top_k = static_cast<std::int32_t>(std::max(value, 0.0));
}

/// As transformers weakens tokens: those of the whole sequence.
void assign_penalty_of_all(SamplingParams& params, double value) {
  params.repetition_penalty = static_cast<float>(value);
  params.penalty_last_n = -1;
}

void assign_last_n(SamplingParams& params, double value) {
  params.penalty_last_n = static_cast<std::int32_t>(value);
}

struct Recommendation {
  std::string_view path;
  double least;
  double most;
  bool whole;
  void (*assign)(SamplingParams& params, double value);
};

constexpr double kSmallest = std::numeric_limits<float>::min();  // of what has to be above 0
constexpr double kMostWhole = std::numeric_limits<std::int32_t>::max();

constexpr std::array kRecommendations = {
    Recommendation{"generation_config.temperature", 0, 100, false,
                   assign<&SamplingParams::temperature>},
    Recommendation{"generation_config.top_k", -kMostWhole, kMostWhole, true, assign_top_k},
    Recommendation{"generation_config.top_p", kSmallest, 1, false, assign<&SamplingParams::top_p>},
    Recommendation{"generation_config.min_p", 0, 1, false, assign<&SamplingParams::min_p>},
    Recommendation{"generation_config.typical_p", kSmallest, 1, false,
                   assign<&SamplingParams::typical_p>},
    Recommendation{"generation_config.repetition_penalty", kSmallest, 100, false,
                   assign_penalty_of_all},
    Recommendation{"general.sampling.temp", 0, 100, false, assign<&SamplingParams::temperature>},
    Recommendation{"general.sampling.top_k", -kMostWhole, kMostWhole, true, assign_top_k},
    Recommendation{"general.sampling.top_p", kSmallest, 1, false, assign<&SamplingParams::top_p>},
    Recommendation{"general.sampling.min_p", 0, 1, false, assign<&SamplingParams::min_p>},
    Recommendation{"general.sampling.penalty_last_n", -1, kMostWhole, true, assign_last_n},
    Recommendation{"general.sampling.penalty_repeat", kSmallest, 100, false,
                   assign<&SamplingParams::repetition_penalty>},
};

}  // namespace

std::optional<SamplingParams> recommended_sampling(const Metadata& metadata) {
  std::optional<SamplingParams> out;
  for (const Recommendation& each : kRecommendations) {
    const auto value = metadata.get<double>(each.path);
    if (!value) continue;
    // Written so that a NaN is out of range.
    if (!(*value >= each.least && *value <= each.most) ||
        (each.whole && *value != std::trunc(*value))) {
      throw FormatError("{}: {} is {}; expected a {}number from {:g} to {:g}", metadata.origin(),
                        quoted(each.path), *value, each.whole ? "whole " : "", each.least,
                        each.most);
    }
    if (!out) out.emplace();
    each.assign(*out, *value);
  }
  return out;
}

}  // namespace sirocco
