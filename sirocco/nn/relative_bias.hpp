#pragma once

#include <cstdint>
#include <span>

#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// RelativeBuckets are T5's classes of distances between a query and a key. One half of them is for
/// keys behind the query, the other for the query itself and keys before it. Of each half, one half
/// again is for one distance each, from 0 on; the others grow with the distance, and the last has
/// everything from about `max_distance` on. (Raffel et al. 2020)
struct RelativeBuckets {
  std::int32_t count = 32;
  std::int32_t max_distance = 128;

  /// The bucket of a key so many positions behind the query; before it if negative. With the
  /// roundings of transformers, which computes in float32.
  std::int32_t bucket(std::int64_t distance) const;
};

/// A RelativeBias is what attention scores gain by the distance between query and key, learned for
/// each bucket of distances and each head.
class RelativeBias {
 public:
  /// `by_bucket` is f32 [count, heads]. Throws InvalidArgument when there are fewer than four
  /// buckets, distances end before the buckets begin to grow, `by_bucket` has another size, or the
  /// table would have more than 2^24 elements.
  RelativeBias(const RelativeBuckets& buckets, std::int32_t heads,
               std::span<const float> by_bucket);

  std::int32_t heads() const { return heads_; }
  /// The table by distance that AttentionArgs::relative_bias asks for; valid as long as a copy of
  /// this lives.
  Tensor tensor() const& {
    return by_distance_.tensor().reshaped({heads_, by_distance_.size() / heads_});
  }
  Tensor tensor() const&& = delete;

 private:
  std::int32_t heads_;
  WeightVector by_distance_;
};

}  // namespace sirocco
