// Attention over a paged cache. Included by tier.cpp, like vec_*.hpp.

constexpr int kTile = numerics::kTilePositions;
constexpr int kTilePanels = kTile / kPanelRows;
constexpr int kBlockRows = 6;                          // query rows that share loads of K and V
constexpr int kPanelsAtOnce = kManyRegisters ? 4 : 1;  // of keys, or vectors of values
constexpr float kNothing = -__builtin_inff();

INLINE std::byte* block_of(const CacheSlice& cache, std::int32_t position) {
  const std::int32_t block = cache.blocks[position / cache.block_positions];
  return cache.pool + static_cast<std::size_t>(block) * cache.block_stride;
}

/// The panel of keys that holds `position`.
template <class Element>
INLINE Element* key_panel(const CacheSlice& cache, std::int32_t head, std::int32_t position) {
  auto* keys = reinterpret_cast<Element*>(block_of(cache, position) + cache.keys_offset);
  const std::int32_t panel = position % cache.block_positions / kPanelRows;
  return keys + (std::int64_t{head} * cache.block_positions + std::int64_t{panel} * kPanelRows) *
                    cache.key_dim;
}

template <class Element>
INLINE Element* value_row(const CacheSlice& cache, std::int32_t head, std::int32_t position) {
  auto* values = reinterpret_cast<Element*>(block_of(cache, position) + cache.values_offset);
  return values + (std::int64_t{head} * cache.block_positions + position % cache.block_positions) *
                      cache.value_dim;
}

template <class Element>
void write_cache(const WriteCacheTask& task, std::int64_t row_begin,
                 std::int64_t row_end) noexcept {
  const CacheSlice& cache = task.cache;
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const auto position = static_cast<std::int32_t>(task.first_position + row);
    for (std::int32_t head = 0; head < cache.kv_heads; ++head) {
      const float* key = task.keys + (row * cache.kv_heads + head) * cache.key_dim;
      Element* key_slot = key_panel<Element>(cache, head, position) + position % kPanelRows;
      for (std::int64_t e = 0; e < cache.key_dim; e += 16) {
        const std::int64_t here = cache.key_dim - e < 16 ? cache.key_dim - e : 16;
        Element converted[16];
        store(converted, load_up_to(key + e, here));
        for (std::int64_t i = 0; i < here; ++i) key_slot[(e + i) * kPanelRows] = converted[i];
      }
      if (cache.value_first >= 0) continue;
      const float* value = task.values + (row * cache.kv_heads + head) * cache.value_dim;
      Element* value_slot = value_row<Element>(cache, head, position);
      std::int64_t d = 0;
      for (; d + 16 <= cache.value_dim; d += 16) store(value_slot + d, load(value + d));
      if (d < cache.value_dim)
        store_first(value_slot + d, load_first(value + d, cache.value_dim - d),
                    cache.value_dim - d);
    }
  }
}

/// What one call of attention_span needs at every tile. Values are of the cache's type, or floats
/// where they were turned.
template <class Element, class Value>
struct Tile {
  std::int32_t begin;                // its first position
  const Element* keys[kTilePanels];  // by panel; where nothing is visible, another panel's
  const Value* values[kTilePanels];  // rows of 16 positions
  std::int64_t value_stride;         // from a row of values to the next
};

/// The values of 16 positions that are elements of their keys, from `first` on in the panel, as
/// rows of `stride` floats.
template <class Element>
INLINE void turn_values(const Element* first, std::int64_t value_dim, std::int64_t stride,
                        float* rows) {
  for (std::int64_t d = 0; d < value_dim; d += 16) {
    alignas(64) float block[16][kPanelRows];
    for (std::int64_t i = 0; i < 16; ++i)
      store(block[i], d + i < value_dim ? load(first + (d + i) * kPanelRows) : zero());
    for (std::int64_t i = 0; i < 16; i += 4) {
      for (std::int64_t j = 0; j < kPanelRows; j += 4) {
        __m128 a = _mm_load_ps(block[i] + j);
        __m128 b = _mm_load_ps(block[i + 1] + j);
        __m128 c = _mm_load_ps(block[i + 2] + j);
        __m128 e = _mm_load_ps(block[i + 3] + j);
        _MM_TRANSPOSE4_PS(a, b, c, e);
        float* to = rows + j * stride + d + i;
        _mm_storeu_ps(to, a);
        _mm_storeu_ps(to + stride, b);
        _mm_storeu_ps(to + 2 * stride, c);
        _mm_storeu_ps(to + 3 * stride, e);
      }
    }
  }
}

/// One query row within a tile: it sees [begin, end), counted from the tile's first position.
struct RowView {
  const float* q;
  float* state;
  std::int32_t begin;
  std::int32_t end;
  INLINE bool empty() const { return begin >= end; }
};

/// scores[r][j] = Σ q[r][e] · K[j][e] for the panels [panel, panel + kPanels) of the tile.
template <class Element, class Value, int kRows, int kPanels>
INLINE void score_panels(const Tile<Element, Value>& tile, const RowView* rows,
                         std::int32_t key_dim, int panel, float (*scores)[kTile]) {
  F32x16 sums[kRows][kPanels];
  const Element* keys[kPanels];
  const float* q[kRows];
  repeat<0, kPanels>([&](auto p) INLINE_BODY { keys[p] = tile.keys[panel + p]; });
  repeat<0, kRows>([&](auto r) INLINE_BODY {
    q[r] = rows[r].q;
    repeat<0, kPanels>([&](auto p) INLINE_BODY { sums[r][p] = zero(); });
  });
  for (std::int64_t e = 0; e < key_dim; ++e) {
    F32x16 k[kPanels];
    repeat<0, kPanels>([&](auto p) INLINE_BODY { k[p] = load(keys[p] + e * kPanelRows); });
    repeat<0, kRows>([&](auto r) INLINE_BODY {
      const F32x16 x = broadcast(q[r][e]);
      repeat<0, kPanels>([&](auto p) INLINE_BODY { sums[r][p] = fma(x, k[p], sums[r][p]); });
    });
  }
  repeat<0, kRows>([&](auto r) INLINE_BODY {
    repeat<0, kPanels>(
        [&](auto p) INLINE_BODY { store(scores[r] + (panel + p) * kPanelRows, sums[r][p]); });
  });
}

/// Scaled, capped and masked scores of one row, in place, and their maximum.
INLINE float mask_scores(const AttentionTask& task, const RowView& row, float* scores) {
  const F32x16 scale = broadcast(task.scale);
  const F32x16 nothing = broadcast(kNothing);
  const bool whole = row.begin == 0 && row.end == kTile;
  F32x16 highest = nothing;
  repeat<0, kTilePanels>([&](auto p) INLINE_BODY {
    const std::int32_t begin = row.begin - p * kPanelRows;
    const std::int32_t end = row.end - p * kPanelRows;
    F32x16 score = nothing;
    if (whole || (begin < kPanelRows && end > 0)) {
      score = load(scores + p * kPanelRows) * scale;
      if (task.logit_cap != 0.0f) {
        const F32x16 cap = broadcast(task.logit_cap);
        score = cap * tanh(score / cap);
      }
      if (!whole) score = select(lanes(begin, end), score, nothing);
    }
    store(scores + p * kPanelRows, score);
    highest = max(score, highest);
  });
  return largest(highest);
}

/// Scores to weights p, in place, for those rows that see something of the tile; updates l and m of
/// their states. `corrections` is what acc is to be multiplied with. The two passes are there for
/// the processor: each has the latencies of all rows at once.
INLINE void softmax_rows(const AttentionTask& task, const RowView* rows, int count,
                         float (*scores)[kTile], float* corrections) {
  float highest[kBlockRows];
  for (int r = 0; r < count; ++r)
    if (!rows[r].empty()) highest[r] = mask_scores(task, rows[r], scores[r]);
  for (int r = 0; r < count; ++r) {
    corrections[r] = 1.0f;
    if (rows[r].empty()) continue;
    float* state = rows[r].state;
    const float before = state[16];
    const float now = highest[r] > before ? highest[r] : before;
    const F32x16 from = broadcast(now);
    F32x16 p[kTilePanels];
    repeat<0, kTilePanels>([&](auto i) INLINE_BODY {
      p[i] = exp(load(scores[r] + i * kPanelRows) - from);
      store(scores[r] + i * kPanelRows, p[i]);
    });
    const F32x16 sum = ((p[0] + p[1]) + p[2]) + p[3];
    // exp(0) is 1, to the bit, and a new maximum is rare.
    F32x16 correction = broadcast(1.0f);
    if (now != before) {
      correction = exp(broadcast(before) - from);
      corrections[r] = first_lane(correction);
      state[16] = now;
    }
    store(state, fma(load(state), correction, sum));
  }
}

/// acc[r] = acc[r] · correction[r] where kScale, then + p[r][j] · V[j] for j in [begin, end) in
/// order; over `kVectors` vectors of value dimensions from d on, `count` wide in all.
template <class Element, class Value, int kRows, int kVectors, bool kScale>
INLINE void add_values(const Tile<Element, Value>& tile, const RowView* rows, std::int64_t d,
                       std::int64_t count, std::int32_t begin, std::int32_t end,
                       const float (*p)[kTile], const float* corrections) {
  F32x16 acc[kRows][kVectors];
  const bool whole = count == kVectors * 16;
  repeat<0, kRows>([&](auto r) INLINE_BODY {
    repeat<0, kVectors>([&](auto v) INLINE_BODY {
      acc[r][v] = load(rows[r].state + 32 + d + v * 16);
      if constexpr (kScale) acc[r][v] = acc[r][v] * broadcast(corrections[r]);
    });
  });
  for (std::int32_t j = begin; j < end; ++j) {
    const Value* row =
        tile.values[j / kPanelRows] + std::int64_t{j % kPanelRows} * tile.value_stride + d;
    F32x16 values[kVectors];
    repeat<0, kVectors>([&](auto v) INLINE_BODY {
      if (v + 1 < kVectors || whole) {
        values[v] = load(row + v * 16);
      } else {
        values[v] = load_first(row + v * 16, count - v * 16);
      }
    });
    repeat<0, kRows>([&](auto r) INLINE_BODY {
      const F32x16 weight = broadcast(p[r][j]);
      repeat<0, kVectors>([&](auto v)
                              INLINE_BODY { acc[r][v] = fma(weight, values[v], acc[r][v]); });
    });
  }
  repeat<0, kRows>([&](auto r) INLINE_BODY {
    repeat<0, kVectors>([&](auto v)
                            INLINE_BODY { store(rows[r].state + 32 + d + v * 16, acc[r][v]); });
  });
}

/// The same over all value dimensions.
template <class Element, class Value, int kRows, bool kScale>
void add_all_values(const Tile<Element, Value>& tile, const RowView* rows, std::int32_t value_dim,
                    std::int32_t begin, std::int32_t end, const float (*p)[kTile],
                    const float* corrections) {
  constexpr int kWidth = kPanelsAtOnce * 16;
  std::int64_t d = 0;
  for (; d + kWidth <= value_dim; d += kWidth)
    add_values<Element, Value, kRows, kPanelsAtOnce, kScale>(tile, rows, d, kWidth, begin, end, p,
                                                             corrections);
  for (; d < value_dim; d += 16) {
    const std::int64_t count = value_dim - d < 16 ? value_dim - d : 16;
    add_values<Element, Value, kRows, 1, kScale>(tile, rows, d, count, begin, end, p, corrections);
  }
}

/// One tile for `kRows` query rows, at least one of which sees something of it.
template <class Element, class Value, int kRows>
void add_tile(const AttentionTask& task, const Tile<Element, Value>& tile,
              const RowView* rows) noexcept {
  const CacheSlice& cache = task.cache;
  alignas(64) float scores[kRows][kTile];
  float corrections[kRows];
  std::int32_t low = kTile;
  std::int32_t high = 0;
  std::int32_t common_low = 0;
  std::int32_t common_high = kTile;
  for (int r = 0; r < kRows; ++r) {
    common_low = rows[r].begin > common_low ? rows[r].begin : common_low;
    common_high = rows[r].end < common_high ? rows[r].end : common_high;
    if (rows[r].empty()) continue;
    low = rows[r].begin < low ? rows[r].begin : low;
    high = rows[r].end > high ? rows[r].end : high;
  }
  const int panel_begin = low / kPanelRows;
  const int panel_end = (high + kPanelRows - 1) / kPanelRows;
  int panel = panel_begin;
  for (; panel + kPanelsAtOnce <= panel_end; panel += kPanelsAtOnce)
    score_panels<Element, Value, kRows, kPanelsAtOnce>(tile, rows, cache.key_dim, panel, scores);
  for (; panel < panel_end; ++panel)
    score_panels<Element, Value, kRows, 1>(tile, rows, cache.key_dim, panel, scores);

  softmax_rows(task, rows, kRows, scores, corrections);

  if (common_low >= common_high) {
    for (int r = 0; r < kRows; ++r)
      if (!rows[r].empty())
        add_all_values<Element, Value, 1, true>(tile, rows + r, cache.value_dim, rows[r].begin,
                                                rows[r].end, scores + r, corrections + r);
    return;
  }
  // Positions that only some of the rows see are added row by row, before and after the others.
  for (int r = 0; r < kRows; ++r) {
    if (rows[r].begin < common_low) {
      add_all_values<Element, Value, 1, true>(tile, rows + r, cache.value_dim, rows[r].begin,
                                              common_low, scores + r, corrections + r);
      corrections[r] = 1.0f;
    }
  }
  add_all_values<Element, Value, kRows, true>(tile, rows, cache.value_dim, common_low, common_high,
                                              scores, corrections);
  for (int r = 0; r < kRows; ++r)
    if (common_high < rows[r].end)
      add_all_values<Element, Value, 1, false>(tile, rows + r, cache.value_dim, common_high,
                                               rows[r].end, scores + r, corrections + r);
}

template <class Element, class Value, int kRows>
INLINE void add_tile_rows(const AttentionTask& task, const Tile<Element, Value>& tile,
                          const RowView* rows, std::int64_t count) {
  if constexpr (kRows > 0) {
    if (count == kRows) {
      add_tile<Element, Value, kRows>(task, tile, rows);
    } else {
      add_tile_rows<Element, Value, kRows - 1>(task, tile, rows, count);
    }
  }
}

template <class Element, class Value>
INLINE void run_span(const AttentionTask& task, std::int32_t kv_head, std::int64_t row_begin,
                     std::int64_t row_end, std::int32_t span, float* states, float* turned) {
  const CacheSlice& cache = task.cache;
  const std::int64_t state_floats = attention_state_floats(cache.value_dim);
  const bool latent = cache.value_first >= 0;
  const std::int32_t span_begin = span * numerics::kSpanPositions;
  const std::int32_t span_end = span_begin + numerics::kSpanPositions;
  const auto count = static_cast<int>(row_end - row_begin);
  std::int32_t visible[kAttentionRows][2];
  RowView rows[kAttentionRows];
  std::int32_t low = span_end;
  std::int32_t high = span_begin;
  for (int r = 0; r < count; ++r) {
    const std::int64_t row = row_begin + r;
    const std::int64_t token = row / task.group;
    const auto position = static_cast<std::int32_t>(task.first_position + token);
    const std::int32_t oldest = position - task.window + 1;
    const std::int32_t end = visible_end(task, position);
    visible[r][0] = oldest > span_begin ? oldest : span_begin;
    visible[r][1] = end < span_end ? end : span_end;
    if (visible[r][0] < visible[r][1]) {
      low = visible[r][0] < low ? visible[r][0] : low;
      high = visible[r][1] > high ? visible[r][1] : high;
    }
    const std::int64_t head = std::int64_t{kv_head} * task.group + row % task.group;
    rows[r].q = task.q + (token * task.heads + head) * cache.key_dim;
    rows[r].state = states + r * state_floats;
    for (std::int64_t i = 0; i < state_floats; i += 16) store(rows[r].state + i, zero());
    rows[r].state[16] = kNothing;
  }

  for (std::int32_t begin = low / kTile * kTile; begin < high; begin += kTile) {
    Tile<Element, Value> tile;
    tile.begin = begin;
    tile.value_stride = latent ? (cache.value_dim + 15) / 16 * 16 : cache.value_dim;
    const std::int32_t any = low > begin ? low : begin;
    for (int p = 0; p < kTilePanels; ++p) {
      const std::int32_t first = begin + p * kPanelRows;
      const bool wanted = first + kPanelRows > low && first < high;
      const std::int32_t from = wanted ? first : any / kPanelRows * kPanelRows;
      tile.keys[p] = key_panel<Element>(cache, kv_head, from);
      if constexpr (sizeof(Value) == sizeof(Element))
        if (!latent) tile.values[p] = value_row<Element>(cache, kv_head, from);
      if (latent) {
        float* rows_here = turned + p * kPanelRows * tile.value_stride;
        if (wanted)
          turn_values(tile.keys[p] + std::int64_t{cache.value_first} * kPanelRows, cache.value_dim,
                      tile.value_stride, rows_here);
        if constexpr (sizeof(Value) == sizeof(float)) tile.values[p] = rows_here;
      }
    }
    for (int r = 0; r < count; ++r) {
      const std::int32_t from = visible[r][0] - begin;
      const std::int32_t to = visible[r][1] - begin;
      rows[r].begin = from > 0 ? from : 0;
      rows[r].end = to < kTile ? to : kTile;
    }
    for (int r = 0; r < count; r += kBlockRows) {
      const int here = count - r < kBlockRows ? count - r : kBlockRows;
      bool empty = true;
      for (int i = r; i < r + here; ++i) empty = empty && rows[i].empty();
      if (!empty) add_tile_rows<Element, Value, kBlockRows>(task, tile, rows + r, here);
    }
  }
}

template <class Element>
void attention_span(const AttentionTask& task, std::int32_t kv_head, std::int64_t row_begin,
                    std::int64_t row_end, std::int32_t span, float* states,
                    float* turned) noexcept {
  if (task.cache.value_first >= 0)
    run_span<Element, float>(task, kv_head, row_begin, row_end, span, states, turned);
  else
    run_span<Element, Element>(task, kv_head, row_begin, row_end, span, states, turned);
}

void attention_merge(float* into, const float* later, std::int64_t count,
                     std::int64_t value_dim) noexcept {
  const std::int64_t state_floats = attention_state_floats(value_dim);
  for (std::int64_t row = 0; row < count; ++row) {
    float* a = into + row * state_floats;
    const float* b = later + row * state_floats;
    if (b[16] == kNothing) continue;
    if (a[16] == kNothing) {
      for (std::int64_t i = 0; i < state_floats; i += 16) store(a + i, load(b + i));
      continue;
    }
    const float highest = a[16] > b[16] ? a[16] : b[16];
    const F32x16 scale_a = exp(broadcast(a[16]) - broadcast(highest));
    const F32x16 scale_b = exp(broadcast(b[16]) - broadcast(highest));
    store(a, fma(load(b), scale_b, load(a) * scale_a));
    for (std::int64_t i = 32; i < state_floats; i += 16)
      store(a + i, fma(load(b + i), scale_b, load(a + i) * scale_a));
    a[16] = highest;
  }
}

void attention_finish(const AttentionTask& task, std::int32_t kv_head, std::int64_t row_begin,
                      std::int64_t row_end, const float* states) noexcept {
  const std::int64_t value_dim = task.cache.value_dim;
  const std::int64_t state_floats = attention_state_floats(value_dim);
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* state = states + (row - row_begin) * state_floats;
    const std::int64_t head = std::int64_t{kv_head} * task.group + row % task.group;
    float sum = tree(load(state));
    if (task.sinks != nullptr) sum = sum + first_lane(exp(broadcast(task.sinks[head] - state[16])));
    const F32x16 inverse = broadcast(1.0f / sum);
    float* out = task.out + (row / task.group * task.heads + head) * value_dim;
    for (std::int64_t d = 0; d < value_dim; d += 16) {
      const std::int64_t here = value_dim - d < 16 ? value_dim - d : 16;
      store_up_to(out + d, load(state + 32 + d) * inverse, here);
    }
  }
}
