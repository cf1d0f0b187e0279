#include "sirocco/tensor/arena.hpp"

#include <algorithm>

#include "sirocco/base/checked.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kFirstChunk = std::size_t{1} << 20;

}  // namespace

Tensor Arena::tensor(DType dtype, const Shape& shape) {
  const std::size_t wanted =
      ceil_div(static_cast<std::size_t>(shape.elements()) * dtype_bytes(dtype), kAlignment) *
      kAlignment;
  while (chunk_ < chunks_.size() && used_ + wanted > chunks_[chunk_].size()) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) chunks_.emplace_back(std::max({wanted, kFirstChunk, capacity()}));
  Tensor out(dtype, shape, chunks_[chunk_].data() + used_);
  used_ += wanted;
  return out;
}

void Arena::reset() {
  chunk_ = 0;
  used_ = 0;
  if (chunks_.size() > 1) {
    const std::size_t total = capacity();
    chunks_.clear();
    chunks_.emplace_back(total);
  }
}

std::size_t Arena::capacity() const {
  std::size_t total = 0;
  for (const Memory& chunk : chunks_) total += chunk.size();
  return total;
}

}  // namespace sirocco
