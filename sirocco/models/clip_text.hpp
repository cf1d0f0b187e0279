#pragma once

#include <cstdint>
#include <span>

#include "sirocco/base/ids.hpp"
#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/models/gpt2.hpp"
#include "sirocco/models/model_sources.hpp"

namespace sirocco {

/// CLIP's part that reads texts: GPT-2's blocks, of whose last row a product makes the vector that
/// stands beside those of pictures. (Radford et al. 2021)
using ClipTextBlock = TransformerBlock<LayerNorm, CausalAttention, Mlp>;

/// SigLIP's part that reads texts, of a fixed length: its tokens, those that fill it up too, see
/// each other. (Zhai et al. 2023; Tschannen et al. 2025, SigLIP 2)
using SiglipTextBlock = TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;
extern template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;

/// A ClipTextEnd tells the row that stands for a text: that of the token which ends it, the first
/// one where a text is filled up with them.
class ClipTextEnd {
 public:
  /// By `eos_token_id` of a CLIP text model's description. Of the first checkpoints, which say 2
  /// whatever the token is, it is the token with the highest id. Throws FormatError.
  explicit ClipTextEnd(const Metadata& metadata);

  /// The number of that row among those of `tokens`, which aren't empty; as in transformers 0 where
  /// the token isn't among them.
  std::int64_t row(std::span<const TokenId> tokens) const;

 private:
  std::int64_t id_;
};

extern const FolderSchema kClipTextFolder;
extern const FolderSchema kSiglipTextFolder;
std::unique_ptr<ModelBuilder> make_clip_text_builder(const ModelSources& from);
std::unique_ptr<ModelBuilder> make_siglip_text_builder(const ModelSources& from);

}  // namespace sirocco
