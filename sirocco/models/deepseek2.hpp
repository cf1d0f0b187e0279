#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/latent_attention.hpp"
#include "sirocco/nn/moe.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// DeepSeek-V2 and V3: latent attention; the first layers dense, experts in groups and some for
/// every token in the others. (DeepSeek-AI 2024)
using DeepSeekDenseBlock = TransformerBlock<RmsNorm, LatentAttention, Mlp>;
using DeepSeekBlock = TransformerBlock<RmsNorm, LatentAttention, MoE>;
extern template class TransformerBlock<RmsNorm, LatentAttention, Mlp>;
extern template class TransformerBlock<RmsNorm, LatentAttention, MoE>;

extern const FolderSchema kDeepSeek2Folder;
extern const FolderSchema kDeepSeek3Folder;
std::unique_ptr<ModelBuilder> make_deepseek2_builder(const ModelSources& from);

}  // namespace sirocco
