#include "sirocco/platform/memory_pool.hpp"

#include "sirocco/base/checked.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kAlignment = 64;
// Of address space: pages of it that nobody touches cost nothing.
constexpr std::size_t kChunk = std::size_t{64} << 20;

}  // namespace

PooledMemory MemoryPool::take(std::size_t bytes) {
  if (bytes == 0) return {};
  if (bytes >= kChunk / 2) {
    auto own = std::make_shared<Memory>(bytes);
    std::byte* const data = own->data();
    return {std::move(own), data, bytes};
  }
  std::shared_ptr<Memory> chunk = chunk_.lock();
  if (chunk == nullptr || bytes > chunk->size() - used_) {
    chunk = std::make_shared<Memory>(kChunk);
    chunk_ = chunk;
    used_ = 0;
  }
  std::byte* const data = chunk->data() + used_;
  used_ += ceil_div(bytes, kAlignment) * kAlignment;
  return {std::move(chunk), data, bytes};
}

}  // namespace sirocco
