#include "sirocco/pipeline/cache_memory.hpp"

#include <cstring>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {

CacheMemory::CacheMemory(const CacheLayout& layout, CacheShape shape, ByteLedger* ledger)
    : shape_(std::move(shape)) {
  const std::size_t groups = layout.groups().size();
  SIROCCO_CHECK(shape_.blocks.size() == groups);
  std::vector<std::size_t> sizes;
  for (std::size_t g = 0; g < groups; ++g) {
    block_bytes_.push_back(
        layout.block_bytes(static_cast<int>(g), shape_.type, shape_.block_positions));
    const auto size = checked_mul(block_bytes_.back(), static_cast<std::size_t>(shape_.blocks[g]));
    const auto sum = size ? checked_add<std::uint64_t>(bytes_, *size) : std::nullopt;
    if (!sum) {
      throw ResourceExhausted("a cache of {} blocks of {} bytes is more than can be addressed",
                              shape_.blocks[g], block_bytes_.back());
    }
    sizes.push_back(*size);
    bytes_ = *sum;
  }
  if (ledger != nullptr) charged_ = ledger->reserve(bytes_, "KV cache");
  for (const std::size_t size : sizes) {
    memory_.emplace_back(size);
    if (shape_.poison) std::memset(memory_.back().data(), 0xFF, size);
  }
  views_.layout = &layout;
  views_.type = shape_.type;
  views_.block_positions = shape_.block_positions;
  for (Memory& memory : memory_) views_.groups.push_back({memory.data(), {}, 0});
}

const CacheViews& CacheMemory::apply(const StageCaches& step, Ops& ops) {
  // A step left out would leave copies undone that other sequences count on.
  SIROCCO_CHECK(step.step == next_step_ && step.groups.size() == memory_.size());
  ++next_step_;
  for (std::size_t g = 0; g < memory_.size(); ++g) {
    const GroupCaches& group = step.groups[g];
    for (const BlockCommand& command : group.commands) {
      require_block(g, command.to);
      if (command.kind == BlockCommand::Kind::kCopy) {
        require_block(g, command.from);
        ops.copy_block(memory_[g].data(), block_bytes_[g], command.from, Out(command.to));
      } else {
        const std::size_t first = static_cast<std::size_t>(command.to.value()) * block_bytes_[g];
        std::memset(memory_[g].data() + first, 0xFF, block_bytes_[g]);
      }
    }
    CacheGroupView& view = views_.groups[g];
    view.block_table.reserve(group.table.capacity());
    view.block_table.assign(group.table.begin(), group.table.end());
    view.blocks_a_sequence = group.blocks_a_sequence;
  }
  return views_;
}

void CacheMemory::require_block(std::size_t group, BlockId id) const {
  SIROCCO_CHECK(id.value() >= 0 && id.value() < shape_.blocks[group]);
}

}  // namespace sirocco
