#pragma once

#include "sirocco/models/model.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// Llama 1 to 3 and what copies them (SmolLM, Mistral 7B v0.3, …). (Touvron et al. 2023)
using LlamaBlock = TransformerBlock<RmsNorm, CausalAttention, Mlp>;
extern template class TransformerBlock<RmsNorm, CausalAttention, Mlp>;

std::unique_ptr<ModelBuilder> make_llama_builder(const Metadata& metadata,
                                                 const WeightSource& weights, Backend& backend,
                                                 LoadProgress progress);

}  // namespace sirocco
