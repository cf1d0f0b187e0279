// Attention over a paged cache. A fragment (see ../README.md) behind attention_cache and
// attention_tile.

/// Whether products read the cache itself. With several blocks of rows, its elements are turned
/// into floats once for all of them.
template <class Element>
INLINE bool reads_cache(int blocks) {
  return kTypeOf<Element> == KvType::kF32 || (kLoads<Element> && blocks == 1);
}

/// The scores of a tile.
template <class Element>
INLINE void score_tile(const CacheSlice& cache, const Tile<Element>& tile, const RowBlock* blocks,
                       int count, float (*scores)[kTile], float* chunk, Ahead& ahead) {
  if constexpr (kLoads<Element>) {
    if (reads_cache<Element>(count)) {
      const Element* panels[kTilePanels];
      for (int p = 0; p < kTilePanels; ++p)
        panels[p] = reinterpret_cast<const Element*>(tile.keys[p]);
      for (int b = 0; b < count; ++b)
        if (!blocks[b].empty())
          score_block(panels, blocks[b], 0, cache.key_dim, scores + b * kBlockRows, ahead);
      return;
    }
  }
  const float* panels[kTilePanels];
  for (int p = 0; p < kTilePanels; ++p) panels[p] = chunk + p * kChunk * kKvPanel;
  for (std::int64_t first = 0; first < cache.key_dim; first += kChunk) {
    const std::int64_t here = cache.key_dim - first < kChunk ? cache.key_dim - first : kChunk;
    convert_keys(tile, cache.key_dim, first, here, chunk);
    for (int b = 0; b < count; ++b)
      if (!blocks[b].empty())
        score_block(panels, blocks[b], first, here, scores + b * kBlockRows, ahead);
  }
}

/// The sums of a tile's values.
template <class Element>
INLINE void add_tile(const CacheSlice& cache, const Tile<Element>& tile, const RowBlock* blocks,
                     int count, const float (*p)[kTile], float* chunk, Ahead& ahead) {
  const bool part_of_keys = cache.value_first >= 0;
  if constexpr (kLoads<Element>) {
    if (!part_of_keys && reads_cache<Element>(count)) {
      ValueRows<Element> values;
      values.stride = cache.value_dim;
      for (int i = 0; i < kTilePanels; ++i)
        values.panels[i] = reinterpret_cast<const Element*>(tile.values[i]);
      for (int b = 0; b < count; ++b)
        if (!blocks[b].empty())
          add_block(values, blocks[b], 0, cache.value_dim, p + b * kBlockRows, ahead);
      return;
    }
  }
  ValueRows<float> values;
  values.stride = kChunk;
  for (int i = 0; i < kTilePanels; ++i) values.panels[i] = chunk + i * kKvPanel * kChunk;
  for (std::int64_t d = 0; d < cache.value_dim; d += kChunk) {
    const std::int64_t here = cache.value_dim - d < kChunk ? cache.value_dim - d : kChunk;
    if (part_of_keys) {
      turn_values(tile, cache.key_dim, cache.value_first + d, here, chunk);
    } else {
      convert_values(tile, cache.value_dim, d, here, chunk);
    }
    for (int b = 0; b < count; ++b)
      if (!blocks[b].empty())
        add_block(values, blocks[b], d, (here + 15) / 16 * 16, p + b * kBlockRows, ahead);
  }
}

template <class Element>
void attention_span(const AttentionTask& task, std::int32_t kv_head, std::int64_t row_begin,
                    std::int64_t row_end, std::int32_t span, float* states) noexcept {
  constexpr int kBlocks = (kAttentionRows + kBlockRows - 1) / kBlockRows;
  const CacheSlice& cache = task.cache;
  const std::int64_t state_floats = attention_state_floats(cache.value_dim);
  const std::int32_t span_begin = span * numerics::kSpanPositions;
  const std::int32_t span_end = span_begin + numerics::kSpanPositions;
  const auto count = static_cast<int>(row_end - row_begin);
  std::int32_t positions[kAttentionRows];
  std::int32_t visible[kAttentionRows][2];
  RowView rows[kAttentionRows];
  std::int32_t low = span_end;
  std::int32_t high = span_begin;
  std::int32_t max_end = 0;  // the end of all that the rows see, in later spans too
  for (int r = 0; r < count; ++r) {
    const std::int64_t row = row_begin + r;
    const std::int64_t token = row / task.group;
    const auto position = static_cast<std::int32_t>(task.first_position + token);
    positions[r] = position;
    const std::int32_t min_position = position - task.window + 1;
    const std::int32_t end = visible_end(task, token);
    max_end = end > max_end ? end : max_end;
    visible[r][0] = min_position > span_begin ? min_position : span_begin;
    visible[r][1] = end < span_end ? end : span_end;
    if (visible[r][0] < visible[r][1]) {
      low = visible[r][0] < low ? visible[r][0] : low;
      high = visible[r][1] > high ? visible[r][1] : high;
    }
    const std::int64_t head = std::int64_t{kv_head} * task.group + row % task.group;
    rows[r].q = task.q + (token * task.heads + head) * cache.key_dim;
    rows[r].slope = task.slopes == nullptr ? 0.0f : task.slopes[head];
    rows[r].bias = relative_bias_of(task, head);
    rows[r].state = states + r * state_floats;
    for (std::int64_t i = 0; i < state_floats; i += 16) store(rows[r].state + i, zero());
    rows[r].state[16] = kNothing;
  }

  alignas(64) float chunk[kTile * kChunk];
  alignas(64) float scores[kAttentionRows][kTile];
  const int blocks_here = (count + kBlockRows - 1) / kBlockRows;
  for (std::int32_t begin = low / kTile * kTile; begin < high; begin += kTile) {
    const Tile<Element> tile = tile_at<Element>(cache, kv_head, begin, low, high);
    for (int r = 0; r < count; ++r) {
      const std::int32_t from = visible[r][0] - begin;
      const std::int32_t to = visible[r][1] - begin;
      rows[r].position = positions[r] - begin;
      rows[r].begin = from > 0 ? from : 0;
      rows[r].end = to < kTile ? to : kTile;
    }
    RowBlock blocks[kBlocks];
    for (int b = 0; b < blocks_here; ++b) {
      const int first = b * kBlockRows;
      blocks[b] =
          block_of_rows(rows + first, count - first < kBlockRows ? count - first : kBlockRows);
    }
    Ahead ahead = values_ahead(cache, tile);
    score_tile(cache, tile, blocks, blocks_here, scores, chunk, ahead);
    weigh_rows(task, rows, count, scores);
    ahead = keys_ahead(cache, tile_at<Element>(cache, kv_head, begin + kTile, 0, max_end));
    add_tile(cache, tile, blocks, blocks_here, scores, chunk, ahead);
  }
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
    const float max_exponent = a[16] > b[16] ? a[16] : b[16];
    const F32x16 scale_a = exp2(broadcast(a[16] - max_exponent));
    const F32x16 scale_b = exp2(broadcast(b[16] - max_exponent));
    store(a, fma(load(b), scale_b, load(a) * scale_a));
    for (std::int64_t i = 32; i < state_floats; i += 16)
      store(a + i, fma(load(b + i), scale_b, load(a + i) * scale_a));
    a[16] = max_exponent;
  }
}

void attention_finish(const AttentionTask& task, std::int32_t kv_head, std::int64_t row_begin,
                      std::int64_t row_end, const float* states) noexcept {
  const std::int64_t value_dim = task.cache.value_dim;
  const std::int64_t state_floats = attention_state_floats(value_dim);
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* state = states + (row - row_begin) * state_floats;
    const std::int64_t head = std::int64_t{kv_head} * task.group + row % task.group;
    const float sum = tree(load(state));
    F32x16 inverse = broadcast(1.0f / sum);
    if (task.sinks != nullptr) {
      const float sink = task.sinks[head] * numerics::kLog2E;
      const float max_exponent = state[16] > sink ? state[16] : sink;
      const F32x16 weight = exp2(broadcast(state[16] - max_exponent));
      const F32x16 all = fma(broadcast(sum), weight, exp2(broadcast(sink - max_exponent)));
      inverse = weight * (broadcast(1.0f) / all);
    }
    float* out = task.out + (row / task.group * task.heads + head) * value_dim;
    for (std::int64_t d = 0; d < value_dim; d += 16) {
      const std::int64_t here = value_dim - d < 16 ? value_dim - d : 16;
      store_up_to(out + d, load(state + 32 + d) * inverse, here);
    }
  }
}
