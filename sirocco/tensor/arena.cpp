#include "sirocco/tensor/arena.hpp"

#include <algorithm>
#include <utility>

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
  while (chunk_ < chunks_.size() && used_ + wanted > chunks_[chunk_].memory.size()) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) add_chunk(std::max({wanted, kFirstChunk, capacity()}));
  Tensor out(dtype, shape, chunks_[chunk_].memory.data() + used_);
  used_ += wanted;
  return out;
}

// A step that has begun isn't refused memory for its intermediate values.
void Arena::add_chunk(std::size_t bytes) {
  Chunk chunk{Memory(bytes), {}};
  if (ledger_ != nullptr) chunk.charged = ledger_->charge(bytes, "scratch memory");
  chunks_.push_back(std::move(chunk));
}

void Arena::reset() {
  chunk_ = 0;
  used_ = 0;
  if (chunks_.size() > 1) {
    const std::size_t total = capacity();
    chunks_.clear();
    add_chunk(total);
  }
}

std::size_t Arena::capacity() const {
  std::size_t total = 0;
  for (const Chunk& chunk : chunks_) total += chunk.memory.size();
  return total;
}

}  // namespace sirocco
