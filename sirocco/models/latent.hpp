#pragma once

#include <optional>

#include "sirocco/models/config.hpp"
#include "sirocco/models/layer_loader.hpp"
#include "sirocco/nn/latent_attention.hpp"

namespace sirocco {

/// The sizes of a model's latent attention.
struct LatentShape {
  LatentConfig attention;
  std::optional<std::int32_t> query_latent;  ///< where queries are made from a latent row too
};

/// Their reader throws FormatError where no element of a head is left without rotation.
LatentShape read_latent_shape(const ConfigReader& reader, const DecoderConfig& config);

/// The latent attention of a layer, its key and value matrices apart (attn_k_b, attn_v_b) or in one
/// (attn_kv_b).
LatentAttention load_latent_attention(LayerLoader& layer, const LatentShape& shape);

}  // namespace sirocco
