#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/cache_views.hpp"
#include "sirocco/pipeline/block_pool.hpp"
#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/memory.hpp"

namespace sirocco {

/// How much cache a stage has: what its memory is made of. A plain value.
struct CacheShape {
  KvType type = KvType::kF16;
  int block_positions = 0;
  std::vector<std::int32_t> blocks;  ///< of each group of the stage's layout
  bool poison = false;               ///< fresh blocks are full of NaN: for tests
};

/// What one group of one stage must know of the caches for a step.
struct GroupCaches {
  std::vector<BlockCommand> commands;  ///< to be done first, in order
  std::vector<std::int32_t> table;     ///< [S, blocks_a_sequence]; -1 where none is held
  int blocks_a_sequence = 0;
};

/// The same for all groups of a stage: a plain value, which may be sent to wherever the stage is.
struct StageCaches {
  std::uint64_t step = 0;  ///< steps of a cache are numbered from 0
  std::vector<GroupCaches> groups;
};

/// What a step means to the caches, for each stage. Made when the step is submitted. Whatever
/// becomes of that step, every stage must be given its part, in the order of the steps: the
/// commands are owed to other sequences too. Keep from step to step to allocate nothing.
struct StepCaches {
  std::vector<StageCaches> stages;
};

/// The memory of one stage's cache: blocks of each of its groups. It does what it is told and
/// counts nothing. One thread at a time.
class CacheMemory {
 public:
  /// `layout` outlives it. `ledger`, when given, is charged. Throws ResourceExhausted when it or
  /// the system refuses.
  CacheMemory(const CacheLayout& layout, CacheShape shape, ByteLedger* ledger = nullptr);

  /// Does the commands of a step by the backend that reads the memory, and makes the views that its
  /// context wants, which are valid until the next call.
  const CacheViews& apply(const StageCaches& step, Ops& ops);

  std::uint64_t bytes() const { return bytes_; }

 private:
  void require_block(std::size_t group, BlockId id) const;

  CacheShape shape_;
  ByteLedger::Reservation charged_;
  std::uint64_t bytes_ = 0;
  std::vector<std::size_t> block_bytes_;  // by group, as the next
  std::vector<Memory> memory_;
  CacheViews views_;
  std::uint64_t next_step_ = 0;
};

}  // namespace sirocco
