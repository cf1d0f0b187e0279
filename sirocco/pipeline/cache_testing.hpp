#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/kernels/cpu/kernels_testing.hpp"
#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"

namespace sirocco::cache_testing {

inline constexpr int kBlock = 16;

inline CacheNeed full() { return {CacheKind::kFull, {1, 4, 4}, MaskSpec::kNoWindow}; }
inline CacheNeed latent() { return {CacheKind::kLatent, {1, 8, 4, 0}, MaskSpec::kNoWindow}; }
inline CacheNeed window(int size) { return {CacheKind::kWindow, {1, 4, 4}, size}; }

inline CacheOptions options_of(std::int64_t positions, int max_step = 24, int max_sequences = 1) {
  CacheOptions options;
  options.type = KvType::kF32;
  options.block_positions = kBlock;
  options.positions = positions;
  options.max_sequences = max_sequences;
  options.max_step = max_step;
  options.blocks = {.shuffle_seed = 7, .poison = true};
  return options;
}

inline std::vector<ContentId> contents(std::size_t count, std::uint64_t first = 0) {
  std::vector<ContentId> rows;
  for (std::size_t i = 0; i < count; ++i) rows.emplace_back(first + i);
  return rows;
}

/// Pools and the memory of their stages, whose rows are numbers instead of keys and values.
class FakeCache {
 public:
  FakeCache(std::vector<CacheLayout> layouts, const CacheOptions& options)
      : layouts_(std::move(layouts)) {
    std::vector<const CacheLayout*> all;
    for (const CacheLayout& layout : layouts_) all.push_back(&layout);
    pools_ = CachePools::make(all, options);
    for (std::size_t s = 0; s < layouts_.size(); ++s)
      memories_.emplace_back(layouts_[s], pools_->shape(static_cast<int>(s)));
    views_.resize(layouts_.size());
  }
  explicit FakeCache(const std::vector<CacheNeed>& layers, const CacheOptions& options)
      : FakeCache(std::vector{CacheLayout(LayerIndex(0), layers)}, options) {}

  CachePools& operator*() const { return *pools_; }
  CachePools* operator->() const { return pools_.get(); }

  /// Begins a step: commands are done, and `row` is of these sequences, in their order.
  void begin_step(std::span<const SequenceCache* const> sequences) {
    pools_->begin_step(sequences, step_);
    for (std::size_t s = 0; s < memories_.size(); ++s)
      views_[s] = &memories_[s].apply(step_.stages[s], *backend_);
  }
  const StepCaches& step() const { return step_; }

  /// The block at a place of the table, by number in the order of the sequences of the step.
  std::int32_t block(std::size_t stage, std::size_t group, std::size_t sequence,
                     std::size_t index) const {
    const CacheGroupView& view = views_[stage]->groups[group];
    const auto width = static_cast<std::size_t>(view.blocks_a_sequence);
    return index < width ? view.block_table[sequence * width + index] : -1;
  }
  /// What stands at a position whose block is held.
  std::uint64_t& row(std::size_t stage, std::size_t group, std::size_t sequence,
                     std::size_t position) const {
    const std::int32_t id = block(stage, group, sequence, position / kBlock);
    SIROCCO_CHECK(id >= 0);
    const std::size_t bytes =
        layouts_[stage].block_bytes(static_cast<int>(group), KvType::kF32, kBlock);
    std::byte* const begin =
        views_[stage]->groups[group].pool + static_cast<std::size_t>(id) * bytes;
    return *reinterpret_cast<std::uint64_t*>(begin + position % kBlock * (bytes / kBlock));
  }
  /// The block table of one sequence in a group of the first stage.
  std::vector<std::int32_t> table(const SequenceCache& sequence, std::size_t group = 0) {
    const SequenceCache* const one[] = {&sequence};
    begin_step(one);
    return step_.stages[0].groups[group].table;
  }

 private:
  std::vector<CacheLayout> layouts_;
  std::shared_ptr<CachePools> pools_;
  std::vector<CacheMemory> memories_;
  kernels_testing::TestBackend backend_{Isa::kRef};
  std::vector<const CacheViews*> views_;
  StepCaches step_;
};

/// Computes rows, 16 a step.
inline void write(SequenceCache& sequence, std::span<const ContentId> rows) {
  while (!rows.empty()) {
    const std::size_t count = std::min(rows.size(), std::size_t{16});
    sequence.extend(rows.first(count));
    sequence.end_step();
    rows = rows.subspan(count);
  }
}

}  // namespace sirocco::cache_testing
