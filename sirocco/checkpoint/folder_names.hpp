#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sirocco/checkpoint/folder_schema.hpp"

namespace sirocco {

/// The name among models, a pattern, that `rule` gives to the pattern of a folder's name (without
/// what stands in front of it there): "blk.#.attn_q.bias" for "layers.#.self_attn.q_proj.bias".
/// Empty when the row speaks of another.
std::string canonical_pattern(const TensorRule& rule, std::string_view pattern);

/// The reverse, of a name: what a folder whose decoder's names begin with `prefix` calls the tensor
/// that is `name` among models. Where rows give it several, that of the first; where none speaks
/// of it, `name`.
std::string folder_name(std::span<const TensorRule> rules, std::string_view prefix,
                        std::string_view name);

}  // namespace sirocco
