#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/transform_context.hpp"

namespace sirocco {

/// A LayerMemory holds the keys and values of rows that see each other within one layer, where they
/// aren't kept in a pipeline's cache: a layer writes over those of the one before.
class LayerMemory {
 public:
  /// Borrows the arena, which outlives it and keeps what it hands out meanwhile.
  explicit LayerMemory(Arena& arena) : arena_(&arena) {}

  /// An f32 cache for sequences, or windows, of so many positions each, which stand one behind
  /// another in it; its table has the `count` of them from `first` on. What was written stays until
  /// it is asked for other lengths or another geometry. Throws ResourceExhausted.
  KvCacheView cache(const CacheGeometry& geometry, std::span<const std::int32_t> lengths,
                    std::size_t first, std::size_t count, TransformContext& context);

 private:
  Arena* arena_;
  Tensor pool_;  // u8 [blocks, bytes]
};

/// An EncoderStream is a sequence on its way through an encoder in parts: what the parts leave to
/// those after them.
struct EncoderStream {
  /// A stream of `count` rows [K], with room for those behind `kept` layers besides. Borrows the
  /// arena as LayerMemory does. Throws ResourceExhausted.
  EncoderStream(std::int64_t count, std::int64_t width, std::int64_t kept, Arena& arena)
      : values(arena.tensor(DType::kF32, {(1 + kept) * count, width})), memory(arena) {
    rows = values.slice_rows(0, count);
  }
  std::int64_t count() const { return rows.rows(); }

  Tensor values;       ///< f32 [(1 + kept) · T, K]
  Tensor rows;         ///< of these f32 [T, K], the residual stream
  LayerMemory memory;  ///< of the layer that it is in
};

}  // namespace sirocco
