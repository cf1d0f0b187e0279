#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/ids.hpp"

namespace sirocco {

class BlockPool;

/// Something that must happen to the memory of a pool's blocks. The accounting only records it, in
/// order; whoever has the memory does it before the next step writes.
struct BlockCommand {
  enum class Kind : std::uint8_t {
    kCopy,    ///< all of `from` into `to`
    kPoison,  ///< every bit of `to` is set, which makes NaN of it: for tests
  };
  Kind kind = Kind::kCopy;
  BlockId from;
  BlockId to;
  friend bool operator==(const BlockCommand&, const BlockCommand&) = default;
};

/// A counted hold on one block of a pool. Move-only; the last one to go gives the block back.
class BlockRef {
 public:
  BlockRef() = default;
  BlockRef(BlockRef&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), id_(other.id_) {}
  BlockRef& operator=(BlockRef&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~BlockRef();

  explicit operator bool() const { return pool_ != nullptr; }
  BlockId id() const { return id_; }
  /// Whether another hold on the same block exists. (That it is kept for later isn't one.)
  bool shared() const;

 private:
  friend class BlockReservation;
  BlockRef(BlockPool& pool, BlockId id) : pool_(&pool), id_(id) {}
  BlockPool* pool_ = nullptr;
  BlockId id_;
};

/// The right to take so many blocks of a pool, whatever others do. Move-only; what wasn't taken is
/// given back on destruction.
class BlockReservation {
 public:
  BlockReservation() = default;
  BlockReservation(BlockReservation&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), blocks_(std::exchange(other.blocks_, 0)) {}
  BlockReservation& operator=(BlockReservation&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(blocks_, other.blocks_);
    return *this;
  }
  ~BlockReservation();

  /// Blocks that can still be taken.
  std::int32_t blocks() const { return blocks_; }
  /// One block that nobody holds, for one right. Contents are undefined.
  BlockRef take();
  /// The same, with the contents of `from`, which is held: they follow by a command.
  BlockRef take_copy(BlockId from);
  /// A hold on a block that is held or kept already. It costs a right where the block is idle, and
  /// in a pool that pledges.
  BlockRef hold(BlockId block);
  /// Gives a hold up for a right. In a pool that pledges, and where it is the last hold, that
  /// always can be done; a shared block of other pools stays with its other holders, so that the
  /// right needs a block that is available: false, and nothing changes, without one.
  [[nodiscard]] bool put_back(BlockRef& block);
  /// Makes a hold one that can be written through: nobody else has it, and it isn't kept. Where
  /// that takes another block, the contents follow by a command. Of a block that others hold, in a
  /// pool that doesn't pledge, it needs one that is available: false, and nothing changes, without.
  [[nodiscard]] bool own(BlockRef& block);

 private:
  friend class BlockPool;
  BlockReservation(BlockPool& pool, std::int32_t blocks) : pool_(&pool), blocks_(blocks) {}
  BlockPool* pool_ = nullptr;
  std::int32_t blocks_ = 0;
};

/// The accounts of the blocks of one cache group: which are free, which are held and how often,
/// which are kept for later, and how many are promised. Knows nothing of memory. Outlives its
/// reservations and references; one thread at a time.
///
/// A block is *free*, *held* by one or more, or *idle*: kept for whoever may want its contents
/// again, but held by nobody. Idle blocks are there for the taking, the longest idle first.
class BlockPool {
 public:
  struct Options {
    std::uint64_t shuffle_seed = 0;  ///< hands blocks out in an order of its own; 0: ascending
    bool poison = false;             ///< every bit of a block that is free or fresh is set: NaN
  };
  /// What a second hold on a block costs.
  enum class Sharing : std::uint8_t {
    kSaves,    ///< nothing: a shared block is room saved, and giving it up brings no right
    kPledges,  ///< a promised block, so that every hold is worth a right when it is given up
  };
  explicit BlockPool(std::int32_t blocks, Sharing sharing = Sharing::kSaves)
      : BlockPool(blocks, sharing, {}) {}
  BlockPool(std::int32_t blocks, Sharing sharing, Options options);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  /// The right to `blocks` blocks, or nothing when fewer are available.
  std::optional<BlockReservation> try_reserve(std::int32_t blocks);

  std::int32_t capacity() const { return static_cast<std::int32_t>(blocks_.size()); }
  /// Blocks that are held by someone.
  std::int32_t held() const { return capacity() - free() - idle_; }
  std::int32_t idle() const { return idle_; }
  /// Blocks neither held nor promised: free and idle ones less what is promised. Never negative.
  std::int32_t available() const { return free() + idle_ - promised_; }
  Sharing sharing() const { return sharing_; }

  bool is_idle(BlockId block) const { return at(block).holds == 0 && at(block).kept; }

  /// A held block stays, when its last holder goes, for whoever wants its contents again.
  void keep(BlockId block);
  /// No longer: an idle block is free then.
  void forget(BlockId block);
  /// Called with the kept block that has to go because someone needs the room: the longest idle
  /// one, or one that its only holder is to write. `evict` must `forget` it.
  void on_eviction(std::function<void(BlockId)> evict) { evict_ = std::move(evict); }

  /// Moves the commands recorded since the last call into `out`, whose memory is kept for the next.
  void take_commands(std::vector<BlockCommand>& out);

 private:
  friend class BlockRef;
  friend class BlockReservation;
  struct Block {
    std::int32_t holds = 0;
    bool kept = false;
    std::int32_t before = -1;  // in the list of idle ones
    std::int32_t behind = -1;
  };
  Block& at(BlockId id) { return blocks_[static_cast<std::size_t>(id.value())]; }
  const Block& at(BlockId id) const { return blocks_[static_cast<std::size_t>(id.value())]; }
  std::int32_t free() const { return static_cast<std::int32_t>(free_.size()); }
  bool pledges() const { return sharing_ == Sharing::kPledges; }
  bool shared(BlockId id) const { return at(id).holds > 1; }
  BlockId take();            // without a word about promises, as the next
  void release(BlockId id);  // one hold
  void make_free(BlockId id);
  void push_idle(BlockId id);
  void remove_idle(BlockId id);

  Sharing sharing_;
  Options options_;
  std::vector<Block> blocks_;
  std::vector<std::int32_t> free_;  // the next one last
  std::int32_t first_idle_ = -1;    // the longest idle
  std::int32_t last_idle_ = -1;
  std::int32_t idle_ = 0;
  // Reserved and not yet taken, and pledged: one for each hold on a block but its first.
  std::int32_t promised_ = 0;
  std::function<void(BlockId)> evict_;
  std::vector<BlockCommand> commands_;
};

}  // namespace sirocco
