#pragma once

#include <cstdint>
#include <span>

#include "sirocco/kernels/backend.hpp"

/// The part of routing that only compares and copies: the same code in every tier.
namespace sirocco {

/// The experts that one token goes to, best first: `chosen` has spec.chosen places, `scores` one an
/// expert. `bias` is empty, or has as many.
void choose_experts(const RouterSpec& spec, std::span<const float> scores,
                    std::span<const float> bias, std::int32_t* chosen) noexcept;

/// What is left to do for the weights of one token: normalized when asked for, and scaled.
void finish_weights(const RouterSpec& spec, std::span<float> weights) noexcept;

/// Fills `tokens` and `begin`, and turns `places`, which holds the chosen experts, into what its
/// name says.
void group_by_expert(const Out<ExpertRows>& rows) noexcept;

}  // namespace sirocco
