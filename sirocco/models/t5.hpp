#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// T5's encoder, the half that reads: attention knows distances only, by what scores gain for each,
/// and doesn't scale its dot products. (Raffel et al. 2020)
using T5Block = TransformerBlock<RmsNorm, BidirectionalAttention, Mlp>;
extern template class TransformerBlock<RmsNorm, BidirectionalAttention, Mlp>;

extern const FolderSchema kT5Folder;
/// Those of the encoder alone, and those of both halves.
extern const GgufSchema kT5EncoderGguf;
extern const GgufSchema kT5Gguf;
std::unique_ptr<ModelBuilder> make_t5_builder(const ModelSources& from);

}  // namespace sirocco
