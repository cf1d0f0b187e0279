#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "sirocco/platform/memory.hpp"

namespace sirocco {

/// A range of zeroed memory out of a MemoryPool, aligned to 64 bytes. Move-only. What it lies in
/// goes back to the system with the last range in it.
class PooledMemory {
 public:
  PooledMemory() = default;
  PooledMemory(PooledMemory&& other) noexcept
      : holder_(std::move(other.holder_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  PooledMemory& operator=(PooledMemory&& other) noexcept {
    std::swap(holder_, other.holder_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~PooledMemory() = default;

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  friend class MemoryPool;
  PooledMemory(std::shared_ptr<Memory> holder, std::byte* data, std::size_t size)
      : holder_(std::move(holder)), data_(data), size_(size) {}

  std::shared_ptr<Memory> holder_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Lets ranges that live equally long, like the weights of a model, lie next to one another, so
/// that small ones are in huge pages too. A range is never handed out a second time. One thread at
/// a time; ranges may outlive the pool.
class MemoryPool {
 public:
  /// Throws ResourceExhausted when the system refuses.
  PooledMemory take(std::size_t bytes);

 private:
  std::weak_ptr<Memory> chunk_;  // the one that is being filled; the ranges keep it
  std::size_t used_ = 0;         // bytes of it
};

}  // namespace sirocco
