#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/cache_pools.hpp"

namespace sirocco {

/// Room for a fork that is to be made later. Move-only; what isn't used is given back.
class ForkReservation {
 private:
  friend class CachePools;
  friend class SequenceCache;
  ForkReservation(std::shared_ptr<CachePools> pools, std::int32_t max_length,
                  std::int32_t shared_blocks)
      : pools_(std::move(pools)), max_length_(max_length), shared_blocks_(shared_blocks) {}

  std::shared_ptr<CachePools> pools_;  // first: outlives the rights below
  std::int32_t max_length_;
  std::int32_t shared_blocks_;
  std::vector<BlockReservation> groups_;
};

/// The lease of one sequence's cache over all groups. Room for its worst case is set aside when it
/// is made, so that extending never fails for lack of it; the destructor gives everything back.
/// Move-only; one thread at a time, the same as its pools.
///
/// A step: `extend`, `CachePools::begin_step`, the step itself, `end_step`. Several steps may be
/// under way, with different sequences, and with the next rows of one: its steps end in the order
/// in which they began, and have no more rows together than the largest step. A sequence whose step
/// failed is dropped, and nothing of that step is known to others.
class SequenceCache {
 public:
  SequenceCache(SequenceCache&&) noexcept = default;
  SequenceCache& operator=(SequenceCache&& other) noexcept {
    // Not member by member: the pools must outlive the leases on them, and blocks go in order.
    std::swap(pools_, other.pools_);
    std::swap(groups_, other.groups_);
    std::swap(length_, other.length_);
    std::swap(max_length_, other.max_length_);
    std::swap(ended_, other.ended_);
    std::swap(step_ends_, other.step_ends_);
    std::swap(content_, other.content_);
    return *this;
  }
  ~SequenceCache();

  /// Positions written so far, or about to be in the steps that are under way.
  std::int32_t length() const { return length_; }
  /// Of these, those that are about to be.
  std::int32_t under_way() const { return length_ - ended_; }
  /// What room was leased for.
  std::int32_t max_length() const { return max_length_; }
  /// How far it can be truncated now: groups that slide need what the next row sees.
  std::int32_t min_length() const;

  /// Room for the next rows of a step, 1 to the largest step less what is under way, and not beyond
  /// the limit; returns the position of the first.
  Position extend(std::span<const ContentId> rows);
  /// The same for rows that nobody else can share, nor what follows them, but for the first ones,
  /// which are `known`.
  Position extend(std::int64_t rows, std::span<const ContentId> known = {});
  /// The step that began first was done. Full blocks become known to others, or give way to those
  /// that are already; blocks that no later row sees are given back to the sequence's own
  /// reservation.
  void end_step();
  /// The same of the only step, but only the rows before `length` count: those of a draft that
  /// wasn't accepted go.
  void end_step(std::int32_t length);

  /// Takes positions back: `length` remain. Not within a step. Throws InvalidArgument below
  /// `min_length`, and ResourceExhausted, with nothing changed, when that takes blocks of its own
  /// out of ones that other sequences hold and none is available.
  void truncate(std::int32_t length);
  /// A second sequence with the same past and a `max_length` of its own: full blocks are shared,
  /// the last one is copied by the next step. Not within a step. Nothing when there isn't room now.
  /// Throws ResourceExhausted when there never will be room.
  std::optional<SequenceCache> fork(std::int32_t max_length) const;
  /// The same into room that was set aside for it, of these pools; at least as many positions are
  /// there as were to be shared.
  SequenceCache fork(ForkReservation room) const;

 private:
  friend class CachePools;
  struct GroupLease {
    BlockReservation reservation;
    std::vector<BlockRef> blocks;  // by position / block_positions; empty where given back
    std::int32_t first_block = 0;  // those before it were given back
  };
  // What is known of the rows, as far as others may share them.
  struct Content {
    bool shares = false;
    PrefixKey key;
    std::vector<PrefixNode> path;  // of the full blocks that are known
    std::vector<ContentId> rows;   // behind those, up to the first row that can't be shared
  };
  SequenceCache(std::shared_ptr<CachePools> pools, std::int32_t max_length)
      : pools_(std::move(pools)), max_length_(max_length) {}

  bool in_step() const { return !step_ends_.empty(); }
  std::size_t max_blocks() const;  ///< of a group, at the limit
  void share_as(PrefixKey key, std::vector<PrefixNode> path);
  void register_blocks();
  void exchange_block(std::size_t group, std::size_t index, PrefixNode node);
  void slide();
  void shorten(std::int32_t length);

  std::shared_ptr<CachePools> pools_;  // first: outlives the leases below
  std::vector<GroupLease> groups_;
  std::int32_t length_ = 0;
  std::int32_t max_length_ = 0;
  std::int32_t ended_ = 0;               // the length before the steps that are under way
  std::vector<std::int32_t> step_ends_;  // the lengths behind these, the first one first
  Content content_;
};

}  // namespace sirocco
