#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace sirocco {

/// An owned, zeroed range of anonymous memory, aligned to 64 bytes, in pages of its own (from 2 MiB
/// on, huge ones where the system offers them). Pages are only backed once touched. Move-only.
class Memory {
 public:
  Memory() = default;
  /// Throws ResourceExhausted when the system refuses.
  explicit Memory(std::size_t bytes);
  Memory(Memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Memory();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::span<std::byte> bytes() { return {data_, size_}; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sirocco
