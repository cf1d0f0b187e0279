#include "sirocco/pipeline/block_pool.hpp"

#include <cstring>
#include <numeric>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/pipeline/random.hpp"

namespace sirocco {
namespace {

std::size_t pool_bytes(std::size_t block_bytes, std::int32_t blocks) {
  SIROCCO_CHECK(blocks >= 0);
  const auto bytes = checked_mul(block_bytes, static_cast<std::size_t>(blocks));
  if (!bytes) {
    throw ResourceExhausted("a cache of {} blocks of {} bytes is more than can be addressed",
                            blocks, block_bytes);
  }
  return *bytes;
}

}  // namespace

BlockRef::~BlockRef() {
  if (pool_ != nullptr) pool_->drop(id_);
}

BlockRef BlockRef::share() const {
  SIROCCO_CHECK(pool_ != nullptr);
  ++pool_->holds_[static_cast<std::size_t>(id_.value())];
  return BlockRef(*pool_, id_);
}

bool BlockRef::shared() const {
  return pool_ != nullptr && pool_->holds_[static_cast<std::size_t>(id_.value())] > 1;
}

BlockReservation::~BlockReservation() {
  if (pool_ != nullptr) pool_->promised_ -= blocks_;
}

BlockRef BlockReservation::take() {
  SIROCCO_CHECK(pool_ != nullptr && blocks_ > 0);
  --blocks_;
  --pool_->promised_;
  return BlockRef(*pool_, pool_->take());
}

bool BlockReservation::put_back(BlockRef& block) {
  SIROCCO_CHECK(pool_ != nullptr && block.pool_ == pool_);
  if (block.shared() && pool_->available() < 1) return false;
  block = BlockRef();
  ++blocks_;
  ++pool_->promised_;
  return true;
}

BlockPool::BlockPool(std::size_t block_bytes, std::int32_t blocks, Options options)
    : memory_(pool_bytes(block_bytes, blocks)), block_bytes_(block_bytes), options_(options) {
  holds_.assign(static_cast<std::size_t>(blocks), 0);
  free_.resize(static_cast<std::size_t>(blocks));
  std::iota(free_.rbegin(), free_.rend(), 0);
  if (options_.shuffle_seed != 0) {
    for (std::size_t i = free_.size(); i > 1; --i) {
      const double u = uniform(options_.shuffle_seed, i, 0);
      std::swap(free_[i - 1], free_[static_cast<std::size_t>(u * static_cast<double>(i))]);
    }
  }
  if (options_.poison) std::memset(memory_.data(), 0xFF, memory_.size());
}

BlockPool::~BlockPool() { SIROCCO_CHECK(held() == 0 && promised_ == 0); }

std::optional<BlockReservation> BlockPool::try_reserve(std::int32_t blocks) {
  SIROCCO_CHECK(blocks >= 0);
  if (blocks > available()) return std::nullopt;
  promised_ += blocks;
  return BlockReservation(*this, blocks);
}

void BlockPool::copy(BlockId from, BlockId to) {
  std::memcpy(block(to), block(from), block_bytes_);
}

BlockId BlockPool::take() {
  SIROCCO_CHECK(!free_.empty());
  const BlockId id(free_.back());
  free_.pop_back();
  holds_[static_cast<std::size_t>(id.value())] = 1;
  return id;
}

void BlockPool::drop(BlockId id) {
  std::int32_t& holds = holds_[static_cast<std::size_t>(id.value())];
  SIROCCO_CHECK(holds > 0);
  if (--holds > 0) return;
  if (options_.poison) std::memset(block(id), 0xFF, block_bytes_);
  free_.push_back(id.value());
}

}  // namespace sirocco
