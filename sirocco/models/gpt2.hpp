#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// GPT-2: learned positions instead of rotary ones, an ungated feed-forward, biases everywhere.
/// (Radford et al. 2019)
using Gpt2Block = TransformerBlock<LayerNorm, CausalAttention, Mlp>;
extern template class TransformerBlock<LayerNorm, CausalAttention, Mlp>;

extern const FolderSchema kGpt2Folder;
std::unique_ptr<ModelBuilder> make_gpt2_builder(const ModelSources& from);

}  // namespace sirocco
