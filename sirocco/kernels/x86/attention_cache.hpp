// A paged cache: where things stand in it, and tiles of it as floats. Included by tier.cpp, like
// vec_*.hpp.

constexpr int kTile = numerics::kTilePositions;
constexpr int kTilePanels = kTile / kPanelRows;
constexpr int kChunk = 64;  // elements of keys or values that are turned into floats at once

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

/// Memory that will be wanted soon, in pieces, each of which is asked for once; into the
/// second-level cache, since the first has too few lines in flight to reach the memory's speed.
struct Ahead {
  const void* pieces[kTilePanels];
  std::int64_t bytes;  // of a piece
  INLINE void fetch(std::int32_t piece) {
    const auto* from = static_cast<const char*>(pieces[piece]);
    if (from == nullptr) return;
    for (std::int64_t i = 0; i < bytes; i += 64) _mm_prefetch(from + i, _MM_HINT_T1);
    pieces[piece] = nullptr;
  }
};

/// The keys and values of a tile's positions, of which [low, high) are visible to some row.
template <class Element>
struct Tile {
  std::int32_t low;
  std::int32_t high;
  const Element* keys[kTilePanels];    // panels; null where nothing is visible
  const Element* values[kTilePanels];  // rows of 16 positions; null where they are part of keys
};

/// The tile that begins at `begin`, of which positions up to `high` may be read.
template <class Element>
INLINE Tile<Element> tile_at(const CacheSlice& cache, std::int32_t kv_head, std::int32_t begin,
                             std::int32_t low, std::int32_t high) {
  Tile<Element> tile;
  tile.low = low > begin ? low - begin : 0;
  tile.high = high - begin < kTile ? high - begin : kTile;
  for (std::int32_t p = 0; p < kTilePanels; ++p) {
    const bool visible = (p + 1) * kPanelRows > tile.low && p * kPanelRows < tile.high;
    const std::int32_t position = begin + p * kPanelRows;
    tile.keys[p] = visible ? key_panel<Element>(cache, kv_head, position) : nullptr;
    tile.values[p] =
        visible && cache.value_first < 0 ? value_row<Element>(cache, kv_head, position) : nullptr;
  }
  return tile;
}

template <class Element>
INLINE Ahead keys_ahead(const CacheSlice& cache, const Tile<Element>& tile) {
  Ahead ahead;
  ahead.bytes = static_cast<std::int64_t>(sizeof(Element)) * cache.key_dim * kPanelRows;
  for (int p = 0; p < kTilePanels; ++p) ahead.pieces[p] = tile.keys[p];
  return ahead;
}

template <class Element>
INLINE Ahead values_ahead(const CacheSlice& cache, const Tile<Element>& tile) {
  Ahead ahead;
  ahead.bytes = static_cast<std::int64_t>(sizeof(Element)) * cache.value_dim * kPanelRows;
  for (int p = 0; p < kTilePanels; ++p) ahead.pieces[p] = tile.values[p];
  return ahead;
}

/// Elements [first, first + count) of a tile's keys: [kTilePanels][kChunk][16].
template <class Element>
INLINE void convert_keys(const Tile<Element>& tile, std::int64_t first, std::int64_t count,
                         float* chunk) {
  for (int p = 0; p < kTilePanels; ++p) {
    if (tile.keys[p] == nullptr) continue;
    const Element* from = tile.keys[p] + first * kPanelRows;
    float* to = chunk + p * kChunk * kPanelRows;
    for (std::int64_t e = 0; e < count; ++e)
      store(to + e * kPanelRows, load(from + e * kPanelRows));
  }
}

/// Elements [first, first + count) of its visible values, filled up to whole vectors with zeros:
/// [kTile][kChunk].
template <class Element>
INLINE void convert_values(const Tile<Element>& tile, std::int64_t value_dim, std::int64_t first,
                           std::int64_t count, float* chunk) {
  for (std::int32_t j = tile.low; j < tile.high; ++j) {
    const Element* from =
        tile.values[j / kPanelRows] + std::int64_t{j % kPanelRows} * value_dim + first;
    float* to = chunk + j * kChunk;
    std::int64_t d = 0;
    for (; d + 16 <= count; d += 16) store(to + d, load(from + d));
    if (d < count) store(to + d, load_first(from + d, count - d));
  }
}

/// The same of values that are elements of keys, from `first` on; whole panels at a time.
template <class Element>
INLINE void turn_values(const Tile<Element>& tile, std::int64_t first, std::int64_t count,
                        float* chunk) {
  for (int p = 0; p < kTilePanels; ++p) {
    if (tile.keys[p] == nullptr) continue;
    const Element* from = tile.keys[p] + first * kPanelRows;
    float* rows = chunk + p * kPanelRows * kChunk;
    for (std::int64_t d = 0; d < count; d += 16) {
      alignas(64) float block[16][kPanelRows];
      for (std::int64_t i = 0; i < 16; ++i)
        store(block[i], d + i < count ? load(from + (d + i) * kPanelRows) : zero());
      for (std::int64_t i = 0; i < 16; i += 4) {
        for (std::int64_t j = 0; j < kPanelRows; j += 4) {
          __m128 a = _mm_load_ps(block[i] + j);
          __m128 b = _mm_load_ps(block[i + 1] + j);
          __m128 c = _mm_load_ps(block[i + 2] + j);
          __m128 e = _mm_load_ps(block[i + 3] + j);
          _MM_TRANSPOSE4_PS(a, b, c, e);
          float* to = rows + j * kChunk + d + i;
          _mm_storeu_ps(to, a);
          _mm_storeu_ps(to + kChunk, b);
          _mm_storeu_ps(to + 2 * kChunk, c);
          _mm_storeu_ps(to + 3 * kChunk, e);
        }
      }
    }
  }
}
