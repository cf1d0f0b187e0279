#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/moe.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// Llama 1 to 3 and what copies them (SmolLM, Mistral 7B v0.3, …). (Touvron et al. 2023)
using LlamaBlock = TransformerBlock<RmsNorm, CausalAttention, Mlp>;
/// Mistral 7B v0.1, where every layer has a window. (Jiang et al. 2023) GGUF files of the
/// architecture don't tell it; folders do, as "llama.attention.sliding_window".
using MistralBlock = TransformerBlock<RmsNorm, SlidingWindowAttention, Mlp>;
/// Mixtral, which is a llama in GGUF files (Jiang et al. 2024), and one with a window.
using MixtralBlock = TransformerBlock<RmsNorm, CausalAttention, MoE>;
using WindowedMixtralBlock = TransformerBlock<RmsNorm, SlidingWindowAttention, MoE>;
extern template class TransformerBlock<RmsNorm, CausalAttention, Mlp>;
extern template class TransformerBlock<RmsNorm, CausalAttention, MoE>;
extern template class TransformerBlock<RmsNorm, SlidingWindowAttention, MoE>;
extern template class TransformerBlock<RmsNorm, SlidingWindowAttention, Mlp>;

extern const FolderSchema kLlamaFolder;
extern const FolderSchema kMistralFolder;
extern const FolderSchema kMixtralFolder;
std::unique_ptr<ModelBuilder> make_llama_builder(const ModelSources& from);
/// Mistral's by another name, which may say besides that scores grow with the position: a file that
/// does is refused.
std::unique_ptr<ModelBuilder> make_mistral3_builder(const ModelSources& from);

}  // namespace sirocco
