#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/ids.hpp"
#include "sirocco/platform/memory.hpp"

namespace sirocco {

class BlockPool;

/// A counted hold on one block of a pool. Move-only; `share` makes another. The last one to go
/// gives the block back.
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
  BlockRef share() const;
  /// Whether another hold on the same block exists.
  bool shared() const;

 private:
  friend class BlockPool;
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
  /// One block out of the reservation. It must not be empty. Contents are undefined.
  BlockRef take();
  /// Gives a block up for the right to take another. Only the last hold on a block brings that
  /// right by itself; a shared one needs a free block: false, and nothing changes, without one.
  [[nodiscard]] bool put_back(BlockRef& block);

 private:
  friend class BlockPool;
  BlockReservation(BlockPool& pool, std::int32_t blocks) : pool_(&pool), blocks_(blocks) {}
  BlockPool* pool_ = nullptr;
  std::int32_t blocks_ = 0;
};

/// The blocks of one cache group: equal pieces of one piece of memory, handed out and shared by
/// count. Outlives its reservations and references; one thread at a time.
class BlockPool {
 public:
  struct Options {
    std::uint64_t shuffle_seed = 0;  ///< hands blocks out in an order of its own; 0: ascending
    bool poison = false;             ///< every bit of a block that is free or fresh is set: NaN
  };
  /// Throws ResourceExhausted when the system refuses the memory.
  BlockPool(std::size_t block_bytes, std::int32_t blocks) : BlockPool(block_bytes, blocks, {}) {}
  BlockPool(std::size_t block_bytes, std::int32_t blocks, Options options);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  /// The right to `blocks` blocks, or nothing when so many are neither held nor promised.
  std::optional<BlockReservation> try_reserve(std::int32_t blocks);

  std::int32_t capacity() const { return static_cast<std::int32_t>(holds_.size()); }
  /// Blocks that are held by someone.
  std::int32_t held() const { return capacity() - static_cast<std::int32_t>(free_.size()); }
  /// Blocks neither held nor promised.
  std::int32_t available() const { return static_cast<std::int32_t>(free_.size()) - promised_; }

  std::byte* data() { return memory_.data(); }
  std::size_t block_bytes() const { return block_bytes_; }
  void copy(BlockId from, BlockId to);

 private:
  friend class BlockRef;
  friend class BlockReservation;
  std::byte* block(BlockId id) {
    return memory_.data() + static_cast<std::size_t>(id.value()) * block_bytes_;
  }
  BlockId take();
  void drop(BlockId id);

  Memory memory_;
  std::size_t block_bytes_;
  Options options_;
  std::vector<std::int32_t> holds_;  // by block
  std::vector<std::int32_t> free_;   // the next one last
  std::int32_t promised_ = 0;        // reserved, not yet taken; at most free_.size()
};

}  // namespace sirocco
