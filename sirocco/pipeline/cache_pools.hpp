#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/nn/cache.hpp"
#include "sirocco/pipeline/block_pool.hpp"
#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/prefix_cache.hpp"

namespace sirocco {

class ForkReservation;
class SequenceCache;

struct CacheOptions {
  KvType type = KvType::kF16;
  int block_positions = 32;    ///< a multiple of 16
  std::int64_t positions = 0;  ///< room for the positions of all sequences together
  int max_sequences = 16;      ///< at a time
  int max_step = 512;          ///< rows of one sequence in a step
  int max_draft = 0;           ///< positions that a sequence may be taken back from its furthest
  BlockPool::Options blocks;   ///< for tests of what must not matter
  int hash_bits = 64;          ///< of each hash of the prefix cache; fewer, for tests, collide
};

/// The accounts of one group of a stage, in blocks. What is neither held nor idle is free.
struct CacheUsage {
  int stage;
  int group;
  std::int32_t blocks;
  std::int32_t held;
  std::int32_t idle;       ///< known, and held by no sequence
  std::int32_t available;  ///< free or idle, and not promised
};

/// What a cache can hold at all. Immutable, may be shared.
class CacheCapacity {
 public:
  struct Group {
    CacheNeed need;
    std::int32_t blocks;
  };
  CacheCapacity(const CacheOptions& options, std::vector<Group> groups)
      : options_(options), groups_(std::move(groups)) {}

  /// Whether there is room, when nobody else is there, for so many sequences of that length, which
  /// have the first `shared` positions in common.
  bool holds(std::int32_t length, std::int64_t sequences, std::int32_t shared) const;

 private:
  CacheOptions options_;
  std::vector<Group> groups_;
};

/// The accounts of a pipeline's cache: a pool of block numbers for each group of each of its
/// stages, and what is known of their contents. The memory is the stages' own (`CacheMemory`, made
/// after `shape`); what must happen there goes to them with each step. Outlived by no sequence
/// (each holds it); one thread at a time. The same calls in the same order give the same blocks.
class CachePools : public std::enable_shared_from_this<CachePools> {
  struct Private {
    explicit Private() = default;
  };

 public:
  /// `layouts`, one a stage, outlive it. Throws InvalidArgument for options out of range,
  /// UnsupportedError for a kind of cache that isn't paged, ResourceExhausted for more than can be
  /// addressed.
  static std::shared_ptr<CachePools> make(std::vector<const CacheLayout*> layouts,
                                          const CacheOptions& options);
  CachePools(Private, std::vector<const CacheLayout*> layouts, const CacheOptions& options);

  const CacheOptions& options() const { return options_; }
  /// What the memory of a stage has to be.
  CacheShape shape(int stage) const;
  /// Bytes of the memory of all stages.
  std::uint64_t bytes() const { return bytes_; }
  /// The positions that a sequence can have at most, alone.
  std::int32_t max_length() const;
  /// The same for several sequences that share their beginning.
  std::shared_ptr<const CacheCapacity> capacity() const;
  /// Positions that one more sequence could be promised now, if it finds no prefix.
  std::int32_t available_length() const;

  /// Bytes that the cache of one sequence of that length takes.
  static std::uint64_t sequence_bytes(std::span<const CacheLayout* const> layouts,
                                      const CacheOptions& options, std::int32_t length);

  /// A lease on room for `max_length` positions, which begins with the longest prefix of `prompt`
  /// that is known under `key`: its length is what was found, in full blocks, and leaves at least
  /// one row of the prompt to compute. What the sequence computes is known to others in turn.
  /// Nothing when there isn't so much room now. Throws ResourceExhausted when there never will be.
  std::optional<SequenceCache> lease(PrefixKey key, std::span<const ContentId> prompt,
                                     std::int32_t max_length);
  /// The same for a sequence that neither finds nor leaves anything.
  std::optional<SequenceCache> lease(std::int32_t max_length);

  /// Room for a fork of that length of a sequence that will have the length `shared` by then.
  /// Nothing when there isn't so much room now. Throws ResourceExhausted when there never will be.
  std::optional<ForkReservation> reserve_fork(std::int32_t max_length, std::int32_t shared);

  /// Takes down what a step of these sequences, each extended for it, means to the stages: the
  /// commands recorded since the last step, and the block tables, in the order given. To be called
  /// once for every step, when it is submitted; see StepCaches.
  void begin_step(std::span<const SequenceCache* const> sequences, StepCaches& out);

  /// Forgets the contents that no sequence holds: all, or those of one key.
  void clear();
  void clear(PrefixKey key);
  PrefixStats prefix_stats() const;
  /// The sums of all groups.
  CacheStatus status() const;
  /// Of every group, stage after stage.
  std::vector<CacheUsage> usage() const;

 private:
  friend class SequenceCache;
  struct Group {
    int stage;  // -1: no stage's; counts the positions of models that only have windows
    int group;
    CacheNeed need;
    std::unique_ptr<BlockPool> pool;
    bool slides() const { return need.kind == CacheKind::kWindow; }
  };
  std::int32_t blocks_for(const Group& group, std::int32_t length) const;
  /// Full blocks that a row right behind them sees into.
  std::int32_t window_blocks(const Group& group) const;
  void add_group(int stage, int group, const CacheNeed& need, std::int64_t blocks);
  void add_anchor(std::int64_t all);
  void require_possible(std::int32_t length) const;
  std::optional<SequenceCache> lease(std::span<const PrefixNode> path, std::int32_t max_length);

  CacheOptions options_;
  std::vector<const CacheLayout*> layouts_;
  std::vector<Group> groups_;              // stage after stage
  std::unique_ptr<PrefixCache> prefixes_;  // unless there are no groups
  std::uint64_t bytes_ = 0;
  std::uint64_t next_step_ = 0;
  // Kept for their memory.
  std::vector<BlockId> registered_;
  std::vector<BlockCommand> unheard_;
};

}  // namespace sirocco
