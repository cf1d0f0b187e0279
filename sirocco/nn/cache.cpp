#include "sirocco/nn/cache.hpp"

#include <algorithm>
#include <array>

namespace sirocco {
namespace {

// Of each: paged, truncated, shared.
constexpr std::array kTraits = {
    CacheTraits{CacheKind::kFull, "full", true, true, true},
    CacheTraits{CacheKind::kWindow, "window", true, true, true},
    CacheTraits{CacheKind::kLatent, "latent", true, true, true},
    CacheTraits{CacheKind::kCross, "cross", true, false, true},
    CacheTraits{CacheKind::kRecurrent, "recurrent", false, false, false},
    CacheTraits{CacheKind::kNone, "none", false, true, true},
};

constexpr std::array kKvTypeTraits = {
    KvTypeTraits{KvType::kF32, "f32"},
    KvTypeTraits{KvType::kF16, "f16"},
    KvTypeTraits{KvType::kQ8_0, "q8_0"},
};
static_assert(kKvTypeTraits.size() == kKvTypes);

std::size_t panels_bytes(std::int32_t kv_heads, int dim, KvType type, std::int32_t positions) {
  return static_cast<std::size_t>(kv_heads) * static_cast<std::size_t>(positions / kKvPanel) *
         static_cast<std::size_t>(kv_panel_bytes(type, dim));
}

std::size_t keys_bytes(const CacheGeometry& g, KvType type, std::int32_t positions) {
  return panels_bytes(g.kv_heads, g.key_dim, type, positions);
}

std::size_t values_bytes(const CacheGeometry& g, KvType type, std::int32_t positions) {
  return g.value_first >= 0 ? 0 : panels_bytes(g.kv_heads, g.value_dim, type, positions);
}

}  // namespace

std::span<const KvTypeTraits> kv_types() { return kKvTypeTraits; }

const CacheTraits& cache_traits(CacheKind kind) { return kTraits[static_cast<std::size_t>(kind)]; }

CacheLayout::CacheLayout(LayerIndex first, const std::vector<CacheNeed>& layers) : first_(first) {
  for (const CacheNeed& need : layers) {
    if (need.kind == CacheKind::kNone) {
      layers_.push_back({});
      continue;
    }
    auto group = std::find_if(groups_.begin(), groups_.end(),
                              [&](const CacheGroup& g) { return g.need == need; });
    if (group == groups_.end()) group = groups_.insert(groups_.end(), CacheGroup{need, 0});
    layers_.push_back({static_cast<int>(group - groups_.begin()), group->slots++});
  }
}

LayerCache CacheLayout::layer(LayerIndex index) const {
  const auto at = static_cast<std::size_t>(index.value() - first_.value());
  SIROCCO_CHECK(at < layers_.size());
  return layers_[at];
}

CacheNeed CacheLayout::need(LayerIndex index) const {
  const LayerCache where = layer(index);
  return where.group < 0 ? CacheNeed{} : groups_[static_cast<std::size_t>(where.group)].need;
}

std::size_t CacheLayout::block_bytes(int group, KvType type, std::int32_t block_positions) const {
  const CacheGroup& g = groups_[static_cast<std::size_t>(group)];
  return static_cast<std::size_t>(g.slots) * (keys_bytes(g.need.geometry, type, block_positions) +
                                              values_bytes(g.need.geometry, type, block_positions));
}

KvCacheView CacheLayout::view(LayerCache where, KvType type, std::int32_t block_positions,
                              std::byte* pool, const Tensor& block_table) const {
  SIROCCO_CHECK(where.group >= 0);
  const CacheGeometry& g = groups_[static_cast<std::size_t>(where.group)].need.geometry;
  const std::size_t keys = keys_bytes(g, type, block_positions);
  const std::size_t slot_offset =
      static_cast<std::size_t>(where.slot) * (keys + values_bytes(g, type, block_positions));
  return {.type = type,
          .pool = pool,
          .block_stride = block_bytes(where.group, type, block_positions),
          .keys_offset = slot_offset,
          .values_offset = slot_offset + keys,
          .block_positions = block_positions,
          .kv_heads = g.kv_heads,
          .key_dim = g.key_dim,
          .value_dim = g.value_dim,
          .block_table = block_table,
          .value_first = g.value_first};
}

}  // namespace sirocco
