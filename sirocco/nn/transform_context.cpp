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
    for (std::int32_t i = 0; i < s.rows(); ++i) ends.push_back(first + i + 1);
    for (const MutualSpan& span : s.spans()) {
      std::fill(ends.begin() + begin + (span.first.value() - first),
                ends.begin() + begin + (span.end.value() - first), span.end.value());
    }
  }
}

/// Rotary positions [T, axes] of rows of which some have their own; nothing where none has. Returns
/// the number of axes.
int list_rotary_positions(const StepRows& rows, std::vector<std::int32_t>& numbers) {
  numbers.clear();
  int axes = 1;
  bool own = false;
  for (const SequenceRows& s : rows.sequences) {
    own = own || s.rotary() || s.rotary_shift() != 0;
    if (s.rotary()) axes = std::max(axes, s.rotary()->axes());
  }
  if (!own) return axes;
  const auto each = static_cast<std::size_t>(axes);
  for (const SequenceRows& s : rows.sequences) {
    const auto begin = std::ssize(numbers);
    if (s.rotary() && s.rotary()->axes() == axes) {
      const auto known = s.rotary()->numbers();
      numbers.insert(numbers.end(), known.begin(), known.end());
    } else if (s.rotary() && s.rotary()->axes() != 1) {
      throw InvalidArgument("sequence {} has rotary positions of {} axes, others in its step of {}",
                            s.sequence().value(), s.rotary()->axes(), axes);
    } else {
      // One number stands for all.
      for (std::int32_t i = 0; i < s.rows(); ++i) {
        numbers.insert(numbers.end(), each,
                       s.rotary() ? s.rotary()->numbers()[static_cast<std::size_t>(i)]
                                  : s.first().value() + s.rotary_shift() + i);
      }
    }
    SIROCCO_CHECK(std::ssize(numbers) - begin == s.rows() * axes);
  }
  return axes;
}

/// The rows of each window that the step has some of, at their positions in it; nothing where no
/// sequence has windows.
void list_windows(const StepRows& rows, std::vector<std::int32_t>& positions,
                  std::vector<std::int32_t>& begin) {
  positions.clear();
  begin.clear();
  const auto has_windows = [](const SequenceRows& s) { return !s.windows().empty(); };
  if (std::none_of(rows.sequences.begin(), rows.sequences.end(), has_windows)) return;
  begin.push_back(0);
  const auto add = [&](std::int32_t first, std::int32_t end) {
    for (std::int32_t i = first; i < end; ++i) positions.push_back(i);
    begin.push_back(static_cast<std::int32_t>(positions.size()));
  };
  for (const SequenceRows& s : rows.sequences) {
    const std::int32_t first = s.first().value();
    const std::int32_t end = first + static_cast<std::int32_t>(s.rows());
    if (s.windows().empty()) add(first, end);
    std::int32_t before = 0;  // rows of the windows before
    for (const std::int32_t count : s.windows()) {
      if (before < end && before + count > first)
        add(std::max(first - before, 0), std::min(end - before, count));
      before += count;
    }
  }
}

/// How many positions of an encoder each sequence has; nothing where none has any.
void list_key_lengths(const StepRows& rows, std::vector<std::int32_t>& lengths) {
  lengths.clear();
  const auto has_keys = [](const SequenceRows& s) { return s.key_length() > 0; };
  const auto count = std::count_if(rows.sequences.begin(), rows.sequences.end(), has_keys);
  if (count == 0) return;
  if (count != std::ssize(rows.sequences)) {
    throw InvalidArgument("{} of the {} sequences of a step have an encoder's keys; expected all",
                          count, rows.sequences.size());
  }
  for (const SequenceRows& s : rows.sequences) lengths.push_back(s.key_length());
}

}  // namespace

TransformContext::TransformContext(Backend& backend, StepMemory& memory, const StepRows& rows,
                                   const CacheViews& caches)
    : backend_(backend), memory_(memory), rows_(rows), caches_(caches) {
  std::vector<std::int32_t>& positions = memory.positions_;
  std::vector<std::int32_t>& row_begin = memory.row_begin_;
  positions.clear();
  row_begin.assign(1, 0);
  for (const SequenceRows& s : rows.sequences) {
    for (std::int32_t i = 0; i < s.rows(); ++i) positions.push_back(s.first().value() + i);
    row_begin.push_back(static_cast<std::int32_t>(positions.size()));
  }
  const auto sequences = static_cast<std::int64_t>(rows.sequences.size());
  positions_ = backend.upload(memory.held, positions, {rows.rows()});
  row_begin_ = backend.upload(memory.held, row_begin, {sequences + 1});
  const int axes = list_rotary_positions(rows, memory.rotary_positions_);
  rotary_positions_ =
      memory.rotary_positions_.empty()
          ? positions_.reshaped({rows.rows(), 1})
          : backend.upload(memory.held, memory.rotary_positions_, {rows.rows(), axes});
  list_windows(rows, memory.window_positions_, memory.window_begin_);
  if (!memory.window_begin_.empty()) {
    window_positions_ = backend.upload(memory.held, memory.window_positions_, {rows.rows()});
    window_begin_ =
        backend.upload(memory.held, memory.window_begin_, {std::ssize(memory.window_begin_)});
  }
  list_visible_ends(rows, memory.visible_ends_);
  if (!memory.visible_ends_.empty())
    visible_ends_ = backend.upload(memory.held, memory.visible_ends_, {rows.rows()});
  list_key_lengths(rows, memory.key_lengths_);
  if (!memory.key_lengths_.empty())
    key_lengths_ = backend.upload(memory.held, memory.key_lengths_, {sequences});
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
  memory_.added_.clear();
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
  const std::int64_t axes = rotary_positions_.columns();
  if (axes > 1 && rotary.axes() > axes) {
    throw InvalidArgument("rotary positions of {} axes for an encoding of {}", axes, rotary.axes());
  }
  const Tensor table = memory_.held.tensor(DType::kF32, {rows(), rotary.dims()});
  backend_.rotary_table(rotary_positions_, rotary.frequencies(),
                        axes > 1 ? rotary.pair_axes() : Tensor(), rotary.magnitude(), Out(table));
  memory_.rotary_tables_.emplace_back(&rotary, table);
  return table;
}

void TransformContext::add_behind(LayerIndex layer, const Tensor& x) {
  for (const StepMemory::Added& added : memory_.added_) {
    if (added.layer != layer) continue;
    const Arena::Scope scope(memory_.scratch);
    const std::int64_t count = added.values.rows();
    const Tensor rows = memory_.scratch.tensor(DType::kF32, {count, x.columns()});
    backend_.copy_columns(added.values, added.column, x.columns(), Out(rows), 0);
    backend_.add(Out(x.slice_rows(added.first, count)), rows);
  }
}

}  // namespace sirocco
