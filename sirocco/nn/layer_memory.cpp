#include "sirocco/nn/layer_memory.hpp"

#include <algorithm>
#include <vector>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::int32_t kBlock = 64;  // positions; a sequence leaves the rest of its last empty

std::int64_t blocks_of(std::int32_t length) { return ceil_div<std::int64_t>(length, kBlock); }

}  // namespace

KvCacheView LayerMemory::cache(const CacheGeometry& geometry, std::span<const std::int32_t> lengths,
                               std::size_t first, std::size_t count, TransformContext& context) {
  SIROCCO_CHECK(first + count <= lengths.size());
  std::int64_t total = 0;
  for (const std::int32_t length : lengths) total += blocks_of(length);
  const CacheLayout layout(LayerIndex(0), {{CacheKind::kFull, geometry}});
  const auto bytes = static_cast<std::int64_t>(layout.block_bytes(0, KvType::kF32, kBlock));
  if (!pool_ || pool_.shape().elements() < total * bytes)
    pool_ = arena_->tensor(DType::kU8, {total, bytes});

  const std::span<const std::int32_t> wanted = lengths.subspan(first, count);
  std::int64_t next = 0;
  for (const std::int32_t length : lengths.first(first)) next += blocks_of(length);
  const std::int64_t widest = blocks_of(*std::ranges::max_element(wanted));
  std::vector<std::int32_t> blocks(count * static_cast<std::size_t>(widest), -1);
  auto own = blocks.begin();
  for (const std::int32_t length : wanted) {
    for (std::int64_t b = 0; b < blocks_of(length); ++b) own[b] = static_cast<std::int32_t>(next++);
    own += widest;
  }
  const Tensor table =
      context.ops().upload(context.scratch(), blocks, {static_cast<std::int64_t>(count), widest});
  return layout.view({0, 0}, KvType::kF32, kBlock,
                     reinterpret_cast<std::byte*>(pool_.as<std::uint8_t>()), table);
}

}  // namespace sirocco
