#include "sirocco/kernels/cpu/expert_routing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace sirocco {
namespace {

/// NaN counts as larger than all others, so that it isn't lost with an expert that isn't chosen.
bool is_larger(float a, float b) noexcept { return a > b || (std::isnan(a) && !std::isnan(b)); }

/// The candidate of largest value among [begin, end), of equal ones the first; always one of them
/// that `open` lets through.
template <class Value, class Open>
std::int32_t best_of(std::int32_t begin, std::int32_t end, Value value, Open open) noexcept {
  std::int32_t best = -1;
  for (std::int32_t i = begin; i < end; ++i)
    if (open(i) && (best < 0 || is_larger(value(i), value(best)))) best = i;
  return best;
}

using Flags = std::array<bool, RouterSpec::kMaxExperts>;

}  // namespace

void choose_experts(const RouterSpec& spec, std::span<const float> scores,
                    std::span<const float> bias, std::int32_t* chosen) noexcept {
  const auto experts = static_cast<std::int32_t>(scores.size());
  const auto score = [&](std::int32_t e) {
    const auto i = static_cast<std::size_t>(e);
    return bias.empty() ? scores[i] : scores[i] + bias[i];
  };
  Flags closed{};
  const auto open = [&](std::int32_t e) { return !closed[static_cast<std::size_t>(e)]; };
  const auto close = [&](std::int32_t e) { closed[static_cast<std::size_t>(e)] = true; };

  if (spec.groups_chosen < spec.groups) {
    const std::int32_t width = experts / spec.groups;
    std::array<float, RouterSpec::kMaxExperts> group_scores;
    for (std::int32_t g = 0; g < spec.groups; ++g) {
      float sum = 0.0f;
      for (int n = 0; n < spec.group_best; ++n) {
        const std::int32_t best = best_of(g * width, (g + 1) * width, score, open);
        sum = sum + score(best);
        close(best);
      }
      group_scores[static_cast<std::size_t>(g)] = sum;
    }
    Flags taken{};
    const auto group_score = [&](std::int32_t g) {
      return group_scores[static_cast<std::size_t>(g)];
    };
    const auto left = [&](std::int32_t g) { return !taken[static_cast<std::size_t>(g)]; };
    for (int n = 0; n < spec.groups_chosen; ++n)
      taken[static_cast<std::size_t>(best_of(0, spec.groups, group_score, left))] = true;
    for (std::int32_t e = 0; e < experts; ++e)
      closed[static_cast<std::size_t>(e)] = left(e / width);
  }

  for (int slot = 0; slot < spec.chosen; ++slot) {
    chosen[slot] = best_of(0, experts, score, open);
    close(chosen[slot]);
  }
}

void finish_weights(const RouterSpec& spec, std::span<float> weights) noexcept {
  if (spec.normalize) {
    float sum = 0.0f;
    for (const float weight : weights) sum = sum + weight;
    if (sum > 0.0f)
      for (float& weight : weights) weight = weight / sum;
  }
  for (float& weight : weights) weight = weight * spec.scale;
}

void group_by_expert(const Out<ExpertRows>& rows) noexcept {
  auto* place = rows->places.as<std::int32_t>();
  auto* token = rows->tokens.as<std::int32_t>();
  auto* begin = rows->begin.as<std::int32_t>();
  const std::int64_t pairs = rows->tokens.rows();
  const std::int64_t slots = rows->places.columns();
  const std::int64_t experts = rows->begin.rows() - 1;
  std::fill_n(begin, experts + 1, 0);
  for (std::int64_t i = 0; i < pairs; ++i) ++begin[place[i] + 1];
  for (std::int64_t e = 0; e < experts; ++e) begin[e + 1] += begin[e];
  // Each begin is advanced to its end, which is the next one's begin, and put back afterwards.
  for (std::int64_t i = 0; i < pairs; ++i) {
    place[i] = begin[place[i]]++;
    token[place[i]] = static_cast<std::int32_t>(i / slots);
  }
  std::copy_backward(begin, begin + experts, begin + experts + 1);
  begin[0] = 0;
}

}  // namespace sirocco
