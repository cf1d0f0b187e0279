#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/transform_context.hpp"
#include "sirocco/pipeline/block_pool.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {

struct CacheOptions {
  KvType type = KvType::kF16;
  int block_positions = 32;      ///< a multiple of 16
  std::int64_t positions = 0;    ///< room for the positions of all sequences together
  int max_sequences = 16;        ///< at a time
  int largest_step = 512;        ///< rows of one sequence in a step, at most
  BlockPool::Options blocks;     ///< for tests of what must not matter
  ByteLedger* ledger = nullptr;  ///< charged for the pools, when given
};

/// The pools of a pipeline's cache: one for each group of each of its stages. Outlived by no
/// sequence (each holds it); one thread at a time.
class CachePools {
 public:
  /// `layouts`, one a stage, outlive it. Throws InvalidArgument for options out of range,
  /// UnsupportedError for a kind of cache that isn't paged, ResourceExhausted for lack of memory.
  CachePools(std::vector<const CacheLayout*> layouts, const CacheOptions& options);

  const CacheOptions& options() const { return options_; }
  /// Bytes of all pools.
  std::uint64_t bytes() const { return bytes_; }
  /// The positions that a sequence can have at most, alone.
  std::int64_t longest_sequence() const;
  /// Positions that one more sequence could be promised now.
  std::int64_t available_positions() const;

  /// Bytes that the cache of one sequence of so many positions takes.
  static std::uint64_t sequence_bytes(std::span<const CacheLayout* const> layouts,
                                      const CacheOptions& options, std::int64_t positions);

 private:
  friend class SequenceCache;
  friend class StepCaches;
  struct Group {
    const CacheLayout* layout;
    int stage;
    int group;
    const CacheNeed* need;
    std::unique_ptr<BlockPool> pool;
  };
  std::int32_t blocks_for(const Group& group, std::int64_t positions) const;

  CacheOptions options_;
  std::vector<const CacheLayout*> layouts_;
  std::vector<Group> groups_;  // stage after stage
  ByteLedger::Reservation charged_;
  std::uint64_t bytes_ = 0;
};

/// The lease of one sequence's cache over all groups. Room for its worst case is set aside when it
/// is made, so that extending never fails for lack of it; the destructor gives everything back.
/// Move-only; one thread at a time, the same as its pools.
class SequenceCache {
 public:
  /// Room for `positions` positions, or nothing when there isn't so much now. Throws
  /// ResourceExhausted when there never will be.
  static std::optional<SequenceCache> make(std::shared_ptr<CachePools> pools,
                                           std::int64_t positions);

  SequenceCache(SequenceCache&&) noexcept = default;
  SequenceCache& operator=(SequenceCache&& other) noexcept {
    // Not member by member: the pools must outlive the leases on them.
    std::swap(pools_, other.pools_);
    std::swap(groups_, other.groups_);
    std::swap(length_, other.length_);
    std::swap(limit_, other.limit_);
    return *this;
  }

  /// Positions written so far, or about to be in this step.
  std::int32_t length() const { return length_; }
  std::int32_t limit() const { return limit_; }

  /// Room for the next `positions` (1 to the largest step, not beyond the limit) of a step;
  /// returns the first of them.
  Position extend(int positions);
  /// The step is over: blocks that no later query sees are given back to the sequence's own
  /// reservation.
  void end_step();
  /// Takes positions back: `length` remain. Throws UnsupportedError when a group's kind can't, and
  /// ResourceExhausted, with nothing changed, when that takes blocks of its own out of shared ones
  /// and none is free.
  void truncate(std::int32_t length);
  /// A second sequence with the same past and a limit of its own: full blocks are shared, the last
  /// one copied. Nothing when there isn't room now. Throws UnsupportedError when a group's kind
  /// can't be shared, ResourceExhausted when there never will be room.
  std::optional<SequenceCache> fork(std::int64_t positions) const;

 private:
  friend class StepCaches;
  struct GroupLease {
    BlockReservation reservation;
    std::vector<BlockRef> blocks;  // by position / block_positions; empty where given back
    std::int32_t first_block = 0;  // those before it were given back
  };
  SequenceCache(std::shared_ptr<CachePools> pools, std::int32_t limit)
      : pools_(std::move(pools)), limit_(limit) {}

  std::size_t most_blocks() const;  ///< of a group, at the limit

  std::shared_ptr<CachePools> pools_;  // first: outlives the leases below
  std::vector<GroupLease> groups_;
  std::int32_t length_ = 0;
  std::int32_t limit_ = 0;
};

/// The caches of one step of one stage, as its context wants them: block tables of the sequences
/// of the step, in their order. Keep from step to step to allocate nothing.
class StepCaches {
 public:
  const CacheViews& views(CachePools& pools, int stage,
                          std::span<const SequenceCache* const> sequences);

 private:
  CacheViews views_;
};

}  // namespace sirocco
