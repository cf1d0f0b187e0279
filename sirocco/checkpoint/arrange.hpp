#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "sirocco/checkpoint/derived_weights.hpp"
#include "sirocco/checkpoint/folder_schema.hpp"

namespace sirocco {

/// What `rule` makes of a folder's tensor, a bias or not; `maker` keeps what is made. Throws
/// FormatError when its outputs aren't that many equal parts.
StoredTensor arranged(const TensorRule& rule, bool is_bias, const StoredTensor& tensor,
                      DerivedWeights& maker);

/// The tensor [members, ...] called `name` that members of one shape and format make, by their
/// numbers. Throws FormatError when one is missing or differs.
StoredTensor stacked(std::string_view name, const std::map<std::int32_t, StoredTensor>& members,
                     DerivedWeights& maker);

}  // namespace sirocco
