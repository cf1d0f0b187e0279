#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/moe.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// gpt-oss: experts everywhere, biases everywhere, attention with sinks; layers with a window in
/// turn with layers without. (OpenAI 2025)
using GptOssLocalBlock = TransformerBlock<RmsNorm, SlidingWindowAttention, MoE>;
using GptOssGlobalBlock = TransformerBlock<RmsNorm, CausalAttention, MoE>;
extern template class TransformerBlock<RmsNorm, SlidingWindowAttention, MoE>;
extern template class TransformerBlock<RmsNorm, CausalAttention, MoE>;

extern const FolderSchema kGptOssFolder;
std::unique_ptr<ModelBuilder> make_gpt_oss_builder(const ModelSources& from);

}  // namespace sirocco
