#pragma once

#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// BERT, and the sentence encoders made of it (MiniLM, BGE, E5, …). (Devlin et al. 2019)
using BertBlock = TransformerBlock<LayerNorm, BidirectionalAttention, Mlp, PostLn>;
extern template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp, PostLn>;

extern const FolderSchema kBertFolder;
std::unique_ptr<ModelBuilder> make_bert_builder(const ModelSources& from);

}  // namespace sirocco
