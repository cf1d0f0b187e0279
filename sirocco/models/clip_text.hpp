#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/gpt2.hpp"
#include "sirocco/models/model_sources.hpp"

namespace sirocco {

/// CLIP's part that reads texts: GPT-2's blocks, of whose last row a product makes the vector that
/// stands beside those of pictures. (Radford et al. 2021)
using ClipTextBlock = TransformerBlock<LayerNorm, CausalAttention, Mlp>;

extern const FolderSchema kClipTextFolder;
std::unique_ptr<ModelBuilder> make_clip_text_builder(const ModelSources& from);

}  // namespace sirocco
