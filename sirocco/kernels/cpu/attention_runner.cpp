#include "sirocco/kernels/cpu/attention_runner.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/numerics.hpp"
#include "sirocco/platform/float_environment.hpp"

namespace sirocco {
namespace {

constexpr std::int64_t kItemsPerThread = 8;  // as many, and whole items balance well enough
// Beyond this the partial results cost more than an imbalance.
constexpr std::int64_t kMaxPartialFloats = std::int64_t{16} << 20;

}  // namespace

CacheSlice cache_slice(const KvCacheView& view, std::int64_t sequence) {
  return {
      .pool = view.pool,
      .block_stride = view.block_stride,
      .keys_offset = view.keys_offset,
      .values_offset = view.values_offset,
      .blocks = view.block_table.as<std::int32_t>() + sequence * view.block_table.columns(),
      .block_positions = view.block_positions,
      .kv_heads = view.kv_heads,
      .key_dim = view.key_dim,
      .value_dim = view.value_dim,
      .value_first = view.value_first,
  };
}

void AttentionRunner::run(const BatchTensors& batch, const AttentionArgs& args) {
  plan(batch, args);
  if (items_.empty()) return;
  const auto type = static_cast<std::size_t>(args.cache.type);
  const std::int64_t state_floats = attention_state_floats(args.cache.value_dim);
  const Item& last = items_.back();
  const std::int64_t states =
      last.first_state + (last.row_end - last.row_begin) * (last.span_end - last.span_begin);
  const bool few = std::ssize(items_) < kItemsPerThread * threads_.size();
  if (threads_.size() > 1 && few && states * state_floats <= kMaxPartialFloats &&
      first_spans_.back() > std::ssize(items_)) {
    run_spans(type, state_floats);
  } else {
    run_whole_items(type, state_floats);
  }
}

void AttentionRunner::plan(const BatchTensors& batch, const AttentionArgs& args) {
  const auto heads = static_cast<std::int32_t>(args.q.shape()[1]);
  const std::int32_t group = heads / args.cache.kv_heads;
  const auto* row_begin = batch.row_begin.as<std::int32_t>();
  const auto* positions = batch.positions.as<std::int32_t>();
  SIROCCO_CHECK(!args.key_lengths ||
                (!args.mask.causal && args.mask.window == MaskSpec::kNoWindow && !args.slopes));
  tasks_.clear();
  items_.clear();
  first_spans_.assign(1, 0);
  std::int64_t states = 0;
  for (std::int32_t s = 0; s < batch.sequences(); ++s) {
    const std::int64_t first = row_begin[s];
    const std::int64_t rows = row_begin[s + 1] - first;
    const bool across = static_cast<bool>(args.key_lengths);
    // Where rows that look across stand says nothing, but to a bias by distance.
    const bool stands = !across || args.relative_bias;
    const std::int32_t position = rows == 0 || !stands ? 0 : positions[first];
    const AttentionTask task{
        .cache = cache_slice(args.cache, s),
        .q = args.q.as<float>() + first * heads * args.cache.key_dim,
        .out = args.out->as<float>() + first * heads * args.cache.value_dim,
        .heads = heads,
        .group = group,
        .first_position = position,
        .length = across ? args.key_lengths.as<std::int32_t>()[s]
                         : position + static_cast<std::int32_t>(rows),
        .window = args.mask.window,
        .causal = args.mask.causal,
        .scale = args.scale,
        .logit_cap = args.logit_cap,
        .sinks = args.sinks ? args.sinks.as<float>() : nullptr,
        .slopes = args.slopes ? args.slopes.as<float>() : nullptr,
        .visible_ends = args.mask.causal && batch.visible_ends
                            ? batch.visible_ends.as<std::int32_t>() + first
                            : nullptr,
        .relative_bias = args.relative_bias ? args.relative_bias.as<float>() : nullptr,
        .bias_reach =
            args.relative_bias ? static_cast<std::int32_t>(args.relative_bias.columns() / 2) : 0,
    };
    tasks_.push_back(task);
    for (std::int32_t kv_head = 0; kv_head < args.cache.kv_heads; ++kv_head) {
      for (std::int64_t begin = 0; begin < rows * group; begin += kAttentionRows) {
        const std::int64_t end = std::min(begin + kAttentionRows, rows * group);
        const auto min_position = position + static_cast<std::int32_t>(begin / group);
        const std::int32_t low = std::max(0, min_position - task.window + 1);
        const std::int32_t high = visible_end(task, (end - 1) / group);
        const std::int32_t span_begin = low / numerics::kSpanPositions;
        const std::int32_t span_end = (high - 1) / numerics::kSpanPositions + 1;
        items_.push_back({s, kv_head, begin, end, span_begin, span_end, states});
        states += (end - begin) * (span_end - span_begin);
        first_spans_.push_back(first_spans_.back() + (span_end - span_begin));
      }
    }
  }
}

void AttentionRunner::run_whole_items(std::size_t type, std::int64_t state_floats) {
  const std::int64_t thread_floats = 2 * kAttentionRows * state_floats;
  float* states = scratch(static_cast<std::size_t>(threads_.size() * thread_floats));
  threads_.for_ranges(std::ssize(items_), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    float* sum = states + thread * thread_floats;
    float* next = sum + kAttentionRows * state_floats;
    for (std::int64_t i = begin; i < end; ++i) {
      const Item& item = items_[static_cast<std::size_t>(i)];
      const AttentionTask& task = tasks_[static_cast<std::size_t>(item.sequence)];
      for (std::int32_t span = item.span_begin; span < item.span_end; ++span) {
        const bool first = span == item.span_begin;
        kernels_.attention_span[type](task, item.kv_head, item.row_begin, item.row_end, span,
                                      first ? sum : next);
        if (!first)
          kernels_.attention_merge(sum, next, item.row_end - item.row_begin, task.cache.value_dim);
      }
      kernels_.attention_finish(task, item.kv_head, item.row_begin, item.row_end, sum);
    }
  });
}

void AttentionRunner::run_spans(std::size_t type, std::int64_t state_floats) {
  const Item& last = items_.back();
  const std::int64_t states_in_all =
      last.first_state + (last.row_end - last.row_begin) * (last.span_end - last.span_begin);
  float* states = scratch(static_cast<std::size_t>(states_in_all * state_floats));
  threads_.for_ranges(
      first_spans_.back(), 1, [&](std::int64_t begin, std::int64_t end, int /*thread*/) {
        for (std::int64_t i = begin; i < end; ++i) {
          const auto after = std::upper_bound(first_spans_.begin(), first_spans_.end(), i);
          const std::int64_t number = after - first_spans_.begin() - 1;
          const Item& item = items_[static_cast<std::size_t>(number)];
          const std::int64_t nth = i - first_spans_[static_cast<std::size_t>(number)];
          const std::int64_t rows = item.row_end - item.row_begin;
          kernels_.attention_span[type](tasks_[static_cast<std::size_t>(item.sequence)],
                                        item.kv_head, item.row_begin, item.row_end,
                                        item.span_begin + static_cast<std::int32_t>(nth),
                                        states + (item.first_state + nth * rows) * state_floats);
        }
      });
  // A handful of rows: not worth another fork.
  const ScopedFloatEnvironment defaults;
  for (const Item& item : items_) {
    const AttentionTask& task = tasks_[static_cast<std::size_t>(item.sequence)];
    const std::int64_t rows = item.row_end - item.row_begin;
    float* sum = states + item.first_state * state_floats;
    for (std::int64_t nth = 1; nth < item.span_end - item.span_begin; ++nth)
      kernels_.attention_merge(sum, sum + nth * rows * state_floats, rows, task.cache.value_dim);
    kernels_.attention_finish(task, item.kv_head, item.row_begin, item.row_end, sum);
  }
}

float* AttentionRunner::scratch(std::size_t floats) {
  const std::size_t bytes = floats * sizeof(float);
  if (scratch_.size() < bytes) scratch_ = Memory(bytes + bytes / 2);
  return reinterpret_cast<float*>(scratch_.data());
}

}  // namespace sirocco
