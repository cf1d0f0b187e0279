#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/moe.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// Qwen3 (queries and keys normalized head by head) with and without experts, and Qwen2 (biases
/// instead). (Yang et al. 2024, 2025) The language models of Qwen2-VL, Qwen2.5-VL and Qwen3-VL have
/// the same layers; their rotary encodings turn by times, rows and columns. (Wang et al. 2024; Bai
/// et al. 2025)
using Qwen3Block = TransformerBlock<QRmsNorm, CausalAttention, Mlp>;
using Qwen3MoeBlock = TransformerBlock<QRmsNorm, CausalAttention, MoE>;
extern template class TransformerBlock<QRmsNorm, CausalAttention, Mlp>;
extern template class TransformerBlock<QRmsNorm, CausalAttention, MoE>;

extern const FolderSchema kQwen2Folder;
extern const FolderSchema kQwen3Folder;
extern const FolderSchema kQwen3MoeFolder;
extern const FolderSchema kQwen2VlFolder;
extern const FolderSchema kQwen3VlFolder;
extern const FolderSchema kQwen3VlMoeFolder;
std::unique_ptr<ModelBuilder> make_qwen3_builder(const ModelSources& from);
/// Where the axes of positions take the pairs in turn.
std::unique_ptr<ModelBuilder> make_qwen3_vl_builder(const ModelSources& from);

}  // namespace sirocco
