#pragma once

#include <random>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/quant/format.hpp"

namespace sirocco::testing {

/// A small llama whose matrices are random blocks of `format`, in memory: two layers, widths that
/// are whole blocks of every format, grouped heads, an odd vocabulary.
Checkpoint random_llama(const Format& format, std::mt19937& random);

}  // namespace sirocco::testing
