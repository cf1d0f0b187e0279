#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// Phi 1 to 2: attention and feed-forward side by side behind one norm, partial rotary, biases
/// everywhere, the head's too. (Javaheripi et al. 2023)
using Phi2Block = TransformerBlock<LayerNorm, CausalAttention, Mlp, Parallel>;
extern template class TransformerBlock<LayerNorm, CausalAttention, Mlp, Parallel>;

extern const FolderSchema kPhi2Folder;
std::unique_ptr<ModelBuilder> make_phi2_builder(const ModelSources& from);

}  // namespace sirocco
