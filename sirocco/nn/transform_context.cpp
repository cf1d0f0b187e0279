#include "sirocco/nn/transform_context.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/nn/rotary.hpp"

namespace sirocco {
namespace {

/// What BatchTensors::visible_ends holds; nothing where no rows see each other.
void list_visible_ends(const StepRows& rows, std::vector<std::int32_t>& ends) {
  ends.clear();
  const auto has_spans = [](const SequenceRows& s) { return !s.spans().empty(); };
  if (std::none_of(rows.sequences.begin(), rows.sequences.end(), has_spans)) return;
  for (const SequenceRows& s : rows.sequences) {
    const std::int32_t first = s.first().value();
    const auto begin = std::ssize(ends);
    for (int i = 0; i < s.rows(); ++i) ends.push_back(first + i + 1);
    for (const MutualSpan& span : s.spans()) {
      std::fill(ends.begin() + begin + (span.first.value() - first),
                ends.begin() + begin + (span.end.value() - first), span.end.value());
    }
  }
}

}  // namespace

SequenceRows::SequenceRows(SequenceId sequence, Position first, int rows,
                           std::vector<MutualSpan> spans)
    : sequence_(sequence), first_(first), rows_(rows), spans_(std::move(spans)) {
  SIROCCO_CHECK(rows > 0);
  const std::int64_t end = std::int64_t{first.value()} + rows;
  std::int32_t before = first.value();
  for (const MutualSpan& span : spans_) {
    if (span.first.value() < before || span.end <= span.first || span.end.value() > end) {
      throw InvalidArgument(
          "the positions [{}, {}) can't see each other: spans have at least one position, follow "
          "one another and lie whole in the rows of the step, which are [{}, {})",
          span.first.value(), span.end.value(), first.value(), end);
    }
    before = span.end.value();
  }
}

std::int64_t StepRows::rows() const {
  std::int64_t total = 0;
  for (const SequenceRows& s : sequences) total += s.rows();
  return total;
}

TransformContext::TransformContext(Backend& backend, StepMemory& memory, const StepRows& rows,
                                   const CacheViews& caches)
    : backend_(backend), memory_(memory), rows_(rows), caches_(caches) {
  std::vector<std::int32_t>& positions = memory.positions_;
  std::vector<std::int32_t>& row_begin = memory.row_begin_;
  positions.clear();
  row_begin.assign(1, 0);
  for (const SequenceRows& s : rows.sequences) {
    for (int i = 0; i < s.rows(); ++i) positions.push_back(s.first().value() + i);
    row_begin.push_back(row_begin.back() + s.rows());
  }
  const auto sequences = static_cast<std::int64_t>(rows.sequences.size());
  positions_ = backend.upload(memory.held, positions, {rows.rows()});
  row_begin_ = backend.upload(memory.held, row_begin, {sequences + 1});
  list_visible_ends(rows, memory.visible_ends_);
  if (!memory.visible_ends_.empty())
    visible_ends_ = backend.upload(memory.held, memory.visible_ends_, {rows.rows()});
  outputs_ =
      backend.upload(memory.held, rows.outputs, {static_cast<std::int64_t>(rows.outputs.size())});
  memory.block_tables_.clear();
  memory.rotary_tables_.clear();
  for (const CacheGroupView& group : caches.groups) {
    memory.block_tables_.push_back(
        backend.upload(memory.held, group.block_table, {sequences, group.blocks_a_sequence}));
  }
}

TransformContext::~TransformContext() {
  SIROCCO_CHECK(leases_ == 0);
  memory_.held.reset();
  memory_.scratch.reset();
}

KvCacheView TransformContext::cache(LayerIndex layer) const {
  SIROCCO_CHECK(caches_.layout != nullptr);
  const LayerCache where = caches_.layout->layer(layer);
  if (where.group < 0) return {};
  const auto group = static_cast<std::size_t>(where.group);
  return caches_.layout->view(where, caches_.type, caches_.block_positions,
                              caches_.groups[group].pool, memory_.block_tables_[group]);
}

Tensor TransformContext::rotary_table(const Rotary& rotary) {
  for (const auto& [known, table] : memory_.rotary_tables_) {
    if (known == &rotary) return table;
  }
  const Tensor table = memory_.held.tensor(DType::kF32, {rows(), rotary.dims()});
  backend_.rotary_table(positions_, rotary.frequencies(), rotary.magnitude(), Out(table));
  memory_.rotary_tables_.emplace_back(&rotary, table);
  return table;
}

}  // namespace sirocco
