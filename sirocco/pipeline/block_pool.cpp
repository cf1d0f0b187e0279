#include "sirocco/pipeline/block_pool.hpp"

#include <numeric>
#include <utility>

#include "sirocco/pipeline/random.hpp"

namespace sirocco {

BlockRef::~BlockRef() {
  if (pool_ == nullptr) return;
  if (pool_->pledges() && shared()) --pool_->promised_;
  pool_->release(id_);
}

bool BlockRef::shared() const { return pool_ != nullptr && pool_->shared(id_); }

BlockReservation::~BlockReservation() {
  if (pool_ != nullptr) pool_->promised_ -= blocks_;
}

BlockRef BlockReservation::take() {
  SIROCCO_CHECK(pool_ != nullptr && blocks_ > 0);
  --blocks_;
  --pool_->promised_;
  return BlockRef(*pool_, pool_->take());
}

BlockRef BlockReservation::take_copy(BlockId from) {
  SIROCCO_CHECK(pool_ != nullptr && pool_->at(from).holds > 0);
  BlockRef to = take();
  pool_->commands_.push_back({BlockCommand::Kind::kCopy, from, to.id()});
  return to;
}

BlockRef BlockReservation::hold(BlockId id) {
  SIROCCO_CHECK(pool_ != nullptr);
  BlockPool::Block& block = pool_->at(id);
  SIROCCO_CHECK(block.holds > 0 || block.kept);
  const bool idle = block.holds == 0;
  if (idle || pool_->pledges()) {
    SIROCCO_CHECK(blocks_ > 0);
    --blocks_;
  }
  if (idle) {
    --pool_->promised_;
    pool_->remove_idle(id);
  }
  ++block.holds;
  return BlockRef(*pool_, id);
}

bool BlockReservation::put_back(BlockRef& block) {
  SIROCCO_CHECK(pool_ != nullptr && block.pool_ == pool_);
  // What was pledged for a shared block becomes the right.
  const bool pledged = block.shared() && pool_->pledges();
  if (block.shared() && !pledged && pool_->available() < 1) return false;
  pool_->release(block.id_);
  block.pool_ = nullptr;
  ++blocks_;
  if (!pledged) ++pool_->promised_;
  return true;
}

bool BlockReservation::own(BlockRef& block) {
  SIROCCO_CHECK(pool_ != nullptr && block.pool_ == pool_);
  const BlockId from = block.id_;
  const bool shared = block.shared();
  if (!shared && !pool_->at(from).kept) return true;
  if (!shared && pool_->free() + pool_->idle_ == 0) {
    pool_->evict_(from);
    SIROCCO_CHECK(!pool_->at(from).kept);
    return true;
  }
  if (shared && !pool_->pledges() && pool_->available() < 1) return false;
  const BlockId to = pool_->take();
  if (shared && pool_->pledges()) --pool_->promised_;
  pool_->commands_.push_back({BlockCommand::Kind::kCopy, from, to});
  pool_->release(from);
  block.id_ = to;
  return true;
}

BlockPool::BlockPool(std::int32_t blocks, Sharing sharing, Options options)
    : sharing_(sharing), options_(options) {
  SIROCCO_CHECK(blocks >= 0);
  blocks_.resize(static_cast<std::size_t>(blocks));
  free_.resize(static_cast<std::size_t>(blocks));
  std::iota(free_.rbegin(), free_.rend(), 0);
  if (options_.shuffle_seed != 0) {
    for (std::size_t i = free_.size(); i > 1; --i) {
      const double u = uniform(options_.shuffle_seed, i, 0);
      std::swap(free_[i - 1], free_[static_cast<std::size_t>(u * static_cast<double>(i))]);
    }
  }
}

BlockPool::~BlockPool() { SIROCCO_CHECK(held() == 0 && promised_ == 0); }

std::optional<BlockReservation> BlockPool::try_reserve(std::int32_t blocks) {
  SIROCCO_CHECK(blocks >= 0);
  if (blocks > available()) return std::nullopt;
  promised_ += blocks;
  return BlockReservation(*this, blocks);
}

void BlockPool::keep(BlockId id) {
  SIROCCO_CHECK(at(id).holds > 0 && !at(id).kept);
  at(id).kept = true;
}

void BlockPool::forget(BlockId id) {
  SIROCCO_CHECK(at(id).kept);
  if (at(id).holds == 0) {
    remove_idle(id);
    make_free(id);
  }
  at(id).kept = false;
}

void BlockPool::take_commands(std::vector<BlockCommand>& out) {
  out.clear();
  std::swap(out, commands_);
}

BlockId BlockPool::take() {
  if (free_.empty()) {
    SIROCCO_CHECK(idle_ > 0);
    evict_(BlockId(first_idle_));
    SIROCCO_CHECK(!free_.empty());
  }
  const BlockId id(free_.back());
  free_.pop_back();
  at(id).holds = 1;
  return id;
}

void BlockPool::release(BlockId id) {
  Block& block = at(id);
  SIROCCO_CHECK(block.holds > 0);
  if (--block.holds > 0) return;
  if (block.kept) {
    push_idle(id);
  } else {
    make_free(id);
  }
}

void BlockPool::make_free(BlockId id) {
  if (options_.poison) commands_.push_back({BlockCommand::Kind::kPoison, {}, id});
  free_.push_back(id.value());
}

void BlockPool::push_idle(BlockId id) {
  Block& block = at(id);
  block.before = last_idle_;
  block.behind = -1;
  (last_idle_ < 0 ? first_idle_ : at(BlockId(last_idle_)).behind) = id.value();
  last_idle_ = id.value();
  ++idle_;
}

void BlockPool::remove_idle(BlockId id) {
  const Block& block = at(id);
  (block.before < 0 ? first_idle_ : at(BlockId(block.before)).behind) = block.behind;
  (block.behind < 0 ? last_idle_ : at(BlockId(block.behind)).before) = block.before;
  --idle_;
}

}  // namespace sirocco
