#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>

#include "sirocco/kernels/cpu/ref/kernels.hpp"
#include "sirocco/kernels/cpu/ref/scalar.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco::ref {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();
constexpr int kTile = numerics::kTilePositions;

template <class Element>
constexpr KvType kTypeOf = KvType::kF32;
template <>
constexpr KvType kTypeOf<std::uint16_t> = KvType::kF16;
template <>
constexpr KvType kTypeOf<std::int8_t> = KvType::kQ8_0;

/// The panel of a head's keys, or values, that holds `position`; they begin at `offset` in a block.
template <class Element>
std::byte* panel_of(const CacheSlice& cache, std::size_t offset, std::int64_t dim,
                    std::int32_t head, std::int32_t position) {
  const std::int32_t block = cache.blocks[position / cache.block_positions];
  const std::int64_t panel = std::int64_t{head} * (cache.block_positions / kKvPanel) +
                             position % cache.block_positions / kKvPanel;
  return cache.pool + static_cast<std::size_t>(block) * cache.block_stride + offset +
         panel * kv_panel_bytes(kTypeOf<Element>, dim);
}

/// One key or value in its panel: its elements `step` apart, its scales `scale_step`.
template <class Element>
struct Slot {
  Element* elements;
  std::int64_t step;
  std::uint16_t* scales;
  std::int64_t scale_step;

  /// Elements from `first` on, none of them in another block of kKvBlock.
  void read(std::int64_t first, std::int64_t count, float* into) const {
    for (std::int64_t i = 0; i < count; ++i) {
      const Element element = elements[(first + i) * step];
      if constexpr (std::is_same_v<Element, std::uint16_t>) {
        into[i] = f16_to_f32(element);
      } else {
        into[i] = static_cast<float>(element);
      }
    }
    if constexpr (std::is_same_v<Element, std::int8_t>) {
      const float scale = f16_to_f32(scales[first / kKvBlock * scale_step]);
      for (std::int64_t i = 0; i < count; ++i) into[i] = into[i] * scale;
    }
  }

  void write(const float* x, std::int64_t count) const {
    for (std::int64_t first = 0; first < count; first += kKvBlock) {
      const std::int64_t end = std::min<std::int64_t>(count, first + kKvBlock);
      if constexpr (std::is_same_v<Element, float>) {
        for (std::int64_t i = first; i < end; ++i) elements[i * step] = x[i];
      } else if constexpr (std::is_same_v<Element, std::uint16_t>) {
        for (std::int64_t i = first; i < end; ++i) elements[i * step] = f32_to_f16(x[i]);
      } else {
        float amax = 0.0f;
        bool any_nan = false;
        for (std::int64_t i = first; i < end; ++i) {
          amax = max(std::fabs(x[i]), amax);
          any_nan = any_nan || std::isnan(x[i]);
        }
        std::uint16_t& bits = scales[first / kKvBlock * scale_step];
        bits = f32_to_f16(any_nan ? numerics::kNaN : amax / 127.0f);
        const float scale = f16_to_f32(bits);
        for (std::int64_t i = first; i < end; ++i) {
          const float quant = scale == 0.0f ? 0.0f : min(max(x[i] / scale, -127.0f), 127.0f);
          elements[i * step] = static_cast<std::int8_t>(round_small(quant).integer);
        }
      }
    }
  }
};

/// visit(i, the elements from first + i on) for `count` elements in pieces of at most kKvBlock.
template <class Element, class Visit>
void each_piece(const Slot<Element>& slot, std::int64_t first, std::int64_t count,
                const Visit& visit) {
  std::array<float, kKvBlock> elements;
  for (std::int64_t begin = first; begin < first + count;) {
    const std::int64_t end = std::min(first + count, (begin / kKvBlock + 1) * kKvBlock);
    slot.read(begin, end - begin, elements.data());
    visit(begin - first, std::span(elements).first(static_cast<std::size_t>(end - begin)));
    begin = end;
  }
}

template <class Element>
Slot<Element> key_at(const CacheSlice& cache, std::int32_t head, std::int32_t position) {
  std::byte* panel = panel_of<Element>(cache, cache.keys_offset, cache.key_dim, head, position);
  const std::int64_t lane = position % kKvPanel;
  auto* scales = reinterpret_cast<std::uint16_t*>(panel);
  panel += kv_scales(kTypeOf<Element>, cache.key_dim) * kKvPanel * 2;
  return {reinterpret_cast<Element*>(panel) + lane, kKvPanel, scales + lane, kKvPanel};
}

template <class Element>
Slot<Element> value_at(const CacheSlice& cache, std::int32_t head, std::int32_t position) {
  std::byte* panel = panel_of<Element>(cache, cache.values_offset, cache.value_dim, head, position);
  const std::int64_t row = position % kKvPanel;
  const std::int64_t scales_here = kv_scales(kTypeOf<Element>, cache.value_dim);
  auto* scales = reinterpret_cast<std::uint16_t*>(panel);
  panel += scales_here * kKvPanel * 2;
  return {reinterpret_cast<Element*>(panel) + row * cache.value_dim, 1, scales + row * scales_here,
          1};
}

/// Query rows that share the reading of keys and values, so many at a time.
constexpr std::size_t kRowsTogether = 8;

/// A query row of one head, and what it has gathered of a span.
struct Row {
  bool sees(std::int32_t at) const { return begin <= at && at < end; }

  const float* query;
  std::int32_t position;
  float slope;
  const float* bias;
  std::int32_t begin, end;  ///< the positions of the span that it sees
  float* lanes;
  float* exponent;
  float* sums;
  /// Of the tile at hand: scores at first, then the softmax's weights; zero where it doesn't look.
  std::array<float, kTile> weights;
};

/// A dot product as the softmax takes it.
float finish_score(const AttentionTask& task, const Row& row, std::int32_t position, float score) {
  if (!scales_scores(task)) return score;
  score = score * task.scale;
  if (task.logit_cap != 0.0f) score = task.logit_cap * tanh(score / task.logit_cap);
  const std::int32_t distance = position - row.position;
  if (task.slopes != nullptr)
    score = std::fma(-row.slope, std::fabs(static_cast<float>(distance)), score);
  if (row.bias == nullptr) return score;
  return score + row.bias[std::clamp(distance, -task.bias_reach, task.bias_reach)];
}

/// Scores of positions [begin, end) of the tile for the rows that see them.
template <class Element>
void score_tile(const AttentionTask& task, std::int32_t kv_head, std::span<Row> rows,
                std::int32_t begin, std::int32_t end) {
  for (Row& row : rows) row.weights.fill(0.0f);
  for (std::int32_t position = begin; position < end; ++position) {
    const auto j = static_cast<std::size_t>(position % kTile);
    each_piece(key_at<Element>(task.cache, kv_head, position), 0, task.cache.key_dim,
               [&](std::int64_t first, std::span<const float> key) {
                 for (Row& row : rows) {
                   if (!row.sees(position)) continue;
                   float score = row.weights[j];
                   for (std::size_t i = 0; i < key.size(); ++i)
                     score =
                         std::fma(row.query[first + static_cast<std::int64_t>(i)], key[i], score);
                   row.weights[j] = score;
                 }
               });
    for (Row& row : rows)
      if (row.sees(position)) row.weights[j] = finish_score(task, row, position, row.weights[j]);
  }
}

/// Makes weights of the scores of positions [begin, end), and scales what was gathered before.
void weigh_tile(const AttentionTask& task, Row& row, std::int32_t begin, std::int32_t end) {
  const float factor = exponent_factor(task);
  float max_score = kNothing;
  for (std::int32_t position = begin; position < end; ++position)
    max_score = max(row.weights[static_cast<std::size_t>(position % kTile)], max_score);
  const float exponent = max(max_score * factor, *row.exponent);
  for (std::int32_t position = begin; position < end; ++position) {
    float& p = row.weights[static_cast<std::size_t>(position % kTile)];
    p = exp2(std::fma(p, factor, -exponent));
  }
  const float correction = exp2(*row.exponent - exponent);
  const auto& p = row.weights;
  for (std::size_t i = 0; i < 16; ++i) {
    const float sum = ((p[i] + p[i + 16]) + p[i + 32]) + p[i + 48];
    row.lanes[i] = std::fma(row.lanes[i], correction, sum);
  }
  for (std::int32_t d = 0; d < task.cache.value_dim; ++d) row.sums[d] = row.sums[d] * correction;
  *row.exponent = exponent;
}

template <class Element>
void add_values(const AttentionTask& task, std::int32_t kv_head, std::span<Row> rows,
                std::int32_t begin, std::int32_t end) {
  const CacheSlice& cache = task.cache;
  const bool part_of_key = cache.value_first >= 0;
  for (std::int32_t position = begin; position < end; ++position) {
    const auto j = static_cast<std::size_t>(position % kTile);
    const Slot<Element> value = part_of_key ? key_at<Element>(cache, kv_head, position)
                                            : value_at<Element>(cache, kv_head, position);
    each_piece(value, part_of_key ? cache.value_first : 0, cache.value_dim,
               [&](std::int64_t first, std::span<const float> elements) {
                 for (Row& row : rows) {
                   if (!row.sees(position)) continue;
                   float* sums = row.sums + first;
                   for (std::size_t i = 0; i < elements.size(); ++i)
                     sums[i] = std::fma(row.weights[j], elements[i], sums[i]);
                 }
               });
  }
}

std::int64_t head_of(const AttentionTask& task, std::int32_t kv_head, std::int64_t row) {
  return std::int64_t{kv_head} * task.group + row % task.group;
}

/// Row number `number` of a key head's queries, which has gathered nothing yet in `state`.
Row make_row(const AttentionTask& task, std::int32_t kv_head, std::int64_t number,
             std::int32_t span, float* state) {
  std::fill_n(state, attention_state_floats(task.cache.value_dim), 0.0f);
  state[16] = kNothing;
  const std::int64_t token = number / task.group;
  const std::int64_t head = head_of(task, kv_head, number);
  const auto position = static_cast<std::int32_t>(task.first_position + token);
  Row row;
  row.query = task.q + (token * task.heads + head) * task.cache.key_dim;
  row.position = position;
  row.slope = task.slopes == nullptr ? 0.0f : task.slopes[head];
  row.bias = relative_bias_of(task, head);
  row.begin = std::max({0, position - task.window + 1, span * numerics::kSpanPositions});
  row.end = std::min(visible_end(task, token), (span + 1) * numerics::kSpanPositions);
  row.lanes = state;
  row.exponent = state + 16;
  row.sums = state + 32;
  return row;
}

}  // namespace

template <class Element>
void write_cache(const WriteCacheTask& task, std::int64_t row_begin,
                 std::int64_t row_end) noexcept {
  const CacheSlice& cache = task.cache;
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const std::int32_t position = task.first_position + static_cast<std::int32_t>(row);
    for (std::int32_t head = 0; head < cache.kv_heads; ++head) {
      const std::int64_t source = row * cache.kv_heads + head;
      key_at<Element>(cache, head, position)
          .write(task.keys + source * cache.key_dim, cache.key_dim);
      if (cache.value_first >= 0) continue;
      value_at<Element>(cache, head, position)
          .write(task.values + source * cache.value_dim, cache.value_dim);
    }
  }
}

template <class Element>
void attention_span(const AttentionTask& task, std::int32_t kv_head, std::int64_t row_begin,
                    std::int64_t row_end, std::int32_t span, float* states) noexcept {
  const std::int64_t stride = attention_state_floats(task.cache.value_dim);
  std::array<Row, kRowsTogether> storage;
  for (std::int64_t first = row_begin; first < row_end; first += kRowsTogether) {
    const std::span<Row> rows = std::span(storage).first(
        std::min(kRowsTogether, static_cast<std::size_t>(row_end - first)));
    std::int32_t begin = (span + 1) * numerics::kSpanPositions;
    std::int32_t end = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t number = first + static_cast<std::int64_t>(i);
      rows[i] = make_row(task, kv_head, number, span, states + (number - row_begin) * stride);
      begin = std::min(begin, rows[i].begin);
      end = std::max(end, rows[i].end);
    }
    while (begin < end) {
      const std::int32_t tile_end = std::min(end, (begin / kTile + 1) * kTile);
      score_tile<Element>(task, kv_head, rows, begin, tile_end);
      for (Row& row : rows) {
        const std::int32_t from = std::max(begin, row.begin);
        const std::int32_t to = std::min(tile_end, row.end);
        if (from < to) weigh_tile(task, row, from, to);
      }
      add_values<Element>(task, kv_head, rows, begin, tile_end);
      begin = tile_end;
    }
  }
}

void attention_merge(float* into, const float* later, std::int64_t count,
                     std::int64_t value_dim) noexcept {
  const std::int64_t stride = attention_state_floats(value_dim);
  for (std::int64_t row = 0; row < count; ++row) {
    float* a = into + row * stride;
    const float* b = later + row * stride;
    const float max_exponent = max(a[16], b[16]);
    if (b[16] == kNothing) continue;
    if (a[16] == kNothing) {
      std::copy_n(b, stride, a);
      continue;
    }
    const float scale_a = exp2(a[16] - max_exponent);
    const float scale_b = exp2(b[16] - max_exponent);
    for (std::int64_t i = 0; i < stride; ++i) a[i] = std::fma(b[i], scale_b, a[i] * scale_a);
    a[16] = max_exponent;
  }
}

void attention_finish(const AttentionTask& task, std::int32_t kv_head, std::int64_t row_begin,
                      std::int64_t row_end, const float* states) noexcept {
  const std::int64_t stride = attention_state_floats(task.cache.value_dim);
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* state = states + (row - row_begin) * stride;
    Lanes lanes;
    std::copy_n(state, lanes.size(), lanes.data());
    const std::int64_t head = head_of(task, kv_head, row);
    const float sum = tree(lanes);
    float inverse = 1.0f / sum;
    if (task.sinks != nullptr) {
      const float sink = task.sinks[head] * numerics::kLog2E;
      const float max_exponent = max(state[16], sink);
      const float weight = exp2(state[16] - max_exponent);
      inverse = weight * (1.0f / std::fma(sum, weight, exp2(sink - max_exponent)));
    }
    float* out = task.out + (row / task.group * task.heads + head) * task.cache.value_dim;
    for (std::int64_t d = 0; d < task.cache.value_dim; ++d) out[d] = state[32 + d] * inverse;
  }
}

template void write_cache<float>(const WriteCacheTask&, std::int64_t, std::int64_t) noexcept;
template void write_cache<std::uint16_t>(const WriteCacheTask&, std::int64_t,
                                         std::int64_t) noexcept;
template void write_cache<std::int8_t>(const WriteCacheTask&, std::int64_t, std::int64_t) noexcept;
template void attention_span<float>(const AttentionTask&, std::int32_t, std::int64_t, std::int64_t,
                                    std::int32_t, float*) noexcept;
template void attention_span<std::uint16_t>(const AttentionTask&, std::int32_t, std::int64_t,
                                            std::int64_t, std::int32_t, float*) noexcept;
template void attention_span<std::int8_t>(const AttentionTask&, std::int32_t, std::int64_t,
                                          std::int64_t, std::int32_t, float*) noexcept;

}  // namespace sirocco::ref
