#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/nn/step_rows.hpp"

namespace sirocco {

// Latents as a denoiser reads them: a row a patch of `side` x `side`, [N, L · side²], in it the
// channels one behind another and in each the patch row by row, as FLUX has them.

/// NoiseUse is what noise is for; each has bits of its own.
enum class NoiseUse : std::uint32_t {
  kStart = 1,   ///< what a picture is made of (0 is what tokens are drawn with)
  kSource = 2,  ///< what the latents of a given picture are drawn with
};

/// Noise of a seed, bell-shaped with a variance of 1: `count` numbers, those of picture `number`.
/// Each depends on these, the use and its place alone. (Box & Muller 1958, of Philox's bits)
std::vector<float> gaussian_noise(std::uint64_t seed, std::uint32_t number, NoiseUse use,
                                  std::int64_t count);

/// Of planes [L, h, w], whose h and w are `grid` times `side`.
std::vector<float> packed_planes(std::span<const float> planes, std::int64_t channels,
                                 PatchGrid grid, std::int32_t side);
/// As rows [h · w, L], and back.
std::vector<float> unpacked_rows(std::span<const float> packed, std::int64_t channels,
                                 PatchGrid grid, std::int32_t side);
std::vector<float> packed_rows(std::span<const float> rows, std::int64_t channels, PatchGrid grid,
                               std::int32_t side);

}  // namespace sirocco
