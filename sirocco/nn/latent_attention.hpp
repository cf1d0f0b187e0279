#pragma once

#include <memory>
#include <optional>

#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/rotary.hpp"

namespace sirocco {

/// A LatentConfig is what a latent attention has besides weights.
struct LatentConfig {
  std::int32_t heads = 0;
  /// Of queries and keys, the elements that rotate; all heads share the key's.
  std::int32_t rotary_dim = 0;
  std::int32_t plain_dim = 0;   ///< of queries and keys, the others
  std::int32_t latent_dim = 0;  ///< L: what keys and values are made from
  std::int32_t value_dim = 0;   ///< of values
  float scale = 0.0f;           ///< of the dot products; 0: 1 / sqrt(rotary_dim + plain_dim)
};

/// A LatentAttention is attention whose keys and values are made from one latent row a position,
/// which is all that is cached, once, with the rotated part that all keys share. (DeepSeek-AI 2024)
/// The matrices that would make them are absorbed: a query goes through its head's key matrix
/// instead, and the sum of latents through its value matrix. One form for any number of rows, so
/// that prompts and single tokens give the same bits.
///   LatentAttention(config, q, latent, latent_norm, keys, values, o).with_query_latent(down, norm)
///       .with_rotary(rotary)
/// Throws InvalidArgument when the dimensions don't fit the configuration. [T, D] to [T, D].
class LatentAttention {
 public:
  using Mask = CausalMask;

  /// q gives [T, H, rotary_dim + plain_dim], `latent` [T, rotary_dim + L]: the rotated part that
  /// all keys share comes first. `keys` are a head's [L, plain_dim], `values` a head's [value_dim,
  /// L].
  LatentAttention(const LatentConfig& config, Linear q, Linear latent, RmsNorm latent_norm,
                  StackLinear keys, StackLinear values, Linear o);

  /// Queries are made from a latent row too: q reads norm(down(x)).
  LatentAttention with_query_latent(Linear down, RmsNorm norm) &&;
  LatentAttention with_rotary(std::shared_ptr<const Rotary> rotary) &&;

  Tensor forward(const Activations& x, const Mask& mask, const KvCacheView& cache,
                 const Tensor& positions, TransformContext& metadata) const;
  bool has_paged_attn() const { return true; }

  Tensor mix(const Activations& x, LayerIndex layer, TransformContext& context) const;
  CacheNeed cache_need() const;
  ActivationForms input_forms() const;

 private:
  struct QueryLatent {
    Linear down;
    RmsNorm norm;
  };
  Tensor queries(const Tensor& projected, const Tensor& table, TransformContext& context) const;
  Tensor keys(const Tensor& projected, const Tensor& table, TransformContext& context) const;

  LatentConfig config_;
  std::optional<QueryLatent> query_latent_;
  Linear q_;
  Linear latent_;
  RmsNorm latent_norm_;
  StackLinear keys_;
  StackLinear values_;
  Linear o_;
  std::shared_ptr<const Rotary> rotary_;
};

}  // namespace sirocco
