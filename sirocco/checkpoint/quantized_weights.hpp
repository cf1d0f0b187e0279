#pragma once

#include <memory>

#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// A view of `weights` with every matrix in `format`, converted as it is read: those whose rows are
/// whole blocks and that llama.cpp quantizes too. With a format of less than eight bits, token
/// table and head are q8_0. The bits are those of a GGUF that the same quantizer writes. `format`
/// offers encoding.
std::shared_ptr<const WeightSource> quantized_weights(std::shared_ptr<const WeightSource> weights,
                                                      const Format& format);

}  // namespace sirocco
