#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// Gemma 2 and 3 (text): local layers with a window, global ones between them. (Gemma Team 2024,
/// 2025)
using GemmaLocalBlock = TransformerBlock<RmsNorm, SlidingWindowAttention, Mlp, Sandwich>;
using GemmaGlobalBlock = TransformerBlock<RmsNorm, CausalAttention, Mlp, Sandwich>;
extern template class TransformerBlock<RmsNorm, SlidingWindowAttention, Mlp, Sandwich>;
extern template class TransformerBlock<RmsNorm, CausalAttention, Mlp, Sandwich>;

/// EmbeddingGemma: Gemma 3 whose rows see both sides, its local layers through a window around
/// them. (Vera et al. 2025)
using EmbeddingGemmaBlock = TransformerBlock<RmsNorm, BidirectionalAttention, Mlp, Sandwich>;
extern template class TransformerBlock<RmsNorm, BidirectionalAttention, Mlp, Sandwich>;

extern const FolderSchema kGemma2Folder;
extern const FolderSchema kGemma3Folder;
extern const FolderSchema kEmbeddingGemmaFolder;
std::unique_ptr<ModelBuilder> make_gemma_builder(const ModelSources& from);

}  // namespace sirocco
