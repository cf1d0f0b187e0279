// A paged cache: where things stand in it, and tiles of it as floats. A fragment
// (see ../README.md).

constexpr int kTile = numerics::kTilePositions;
constexpr int kTilePanels = kTile / kKvPanel;
// Elements of keys or values that are turned into floats at once: 16 KiB for a tile, which stay in
// the innermost cache until all rows have read them.
constexpr int kChunk = 64;

template <class Element>
constexpr KvType kTypeOf = KvType::kF32;
template <>
constexpr KvType kTypeOf<std::uint16_t> = KvType::kF16;
template <>
constexpr KvType kTypeOf<std::int8_t> = KvType::kQ8_0;
/// Whether products can read the cache's elements as they are, by `load`.
template <class Element>
constexpr bool kLoads = kTypeOf<Element> != KvType::kQ8_0;

/// The panel of a head's keys, or values, that holds `position`; they begin at `offset` in a block.
template <class Element>
INLINE std::byte* panel_of(const CacheSlice& cache, std::size_t offset, std::int64_t dim,
                           std::int32_t head, std::int32_t position) {
  const std::int32_t block = cache.blocks[position / cache.block_positions];
  const std::int64_t panel = std::int64_t{head} * (cache.block_positions / kKvPanel) +
                             position % cache.block_positions / kKvPanel;
  return cache.pool + static_cast<std::size_t>(block) * cache.block_stride + offset +
         panel * kv_panel_bytes(kTypeOf<Element>, dim);
}
template <class Element>
INLINE std::byte* key_panel(const CacheSlice& cache, std::int32_t head, std::int32_t position) {
  return panel_of<Element>(cache, cache.keys_offset, cache.key_dim, head, position);
}
template <class Element>
INLINE std::byte* value_panel(const CacheSlice& cache, std::int32_t head, std::int32_t position) {
  return panel_of<Element>(cache, cache.values_offset, cache.value_dim, head, position);
}

/// The elements of a panel, which stand behind its scales.
template <class Element>
INLINE Element* elements_of(std::byte* panel, std::int64_t dim) {
  return reinterpret_cast<Element*>(panel + kv_scales(kTypeOf<Element>, dim) * kKvPanel * 2);
}
template <class Element>
INLINE const Element* elements_of(const std::byte* panel, std::int64_t dim) {
  return reinterpret_cast<const Element*>(panel + kv_scales(kTypeOf<Element>, dim) * kKvPanel * 2);
}
INLINE std::uint16_t* scales_of(std::byte* panel) {
  return reinterpret_cast<std::uint16_t*>(panel);
}
INLINE const std::uint16_t* scales_of(const std::byte* panel) {
  return reinterpret_cast<const std::uint16_t*>(panel);
}

INLINE F32x16 broadcast_f16(std::uint16_t bits) { return broadcast(f16_to_float(bits)); }

/// The quants of up to 32 elements, and their scale.
INLINE std::uint16_t quantize_kv(const float* x, std::int64_t count, std::int8_t* quants) {
  const F32x16 first = load_first(x, count < 16 ? count : 16);
  const F32x16 second = count > 16 ? load_first(x + 16, count - 16) : zero();
  const float amax = max_lane(max(abs(second), max(abs(first), zero())));
  std::uint16_t bits[16];
  store(bits, broadcast(any_nan(first, second) ? numerics::kNaN : amax / 127.0f));
  const F32x16 scale = broadcast_f16(bits[0]);
  const bool any = first_lane(scale) != 0.0f;
  const auto quantize = [&](F32x16 part) INLINE_BODY {
    const F32x16 low = broadcast(-127.0f);
    const F32x16 high = broadcast(127.0f);
    return to_bytes(to_nearest(any ? min(max(part / scale, low), high) : zero()));
  };
  store(quants, quantize(first));
  store(quants + 16, quantize(second));
  return bits[0];
}

/// A key or a value, `dim` floats, into the cache: its elements `kStep` apart from `to` on, its
/// scales `scale_step` apart.
template <int kStep>
INLINE void write_elements(const float* from, std::int64_t dim, std::int8_t* to,
                           std::uint16_t* scales, std::int64_t scale_step) {
  for (std::int64_t first = 0; first < dim; first += kKvBlock) {
    const std::int64_t here = dim - first < kKvBlock ? dim - first : kKvBlock;
    std::int8_t quants[kKvBlock];
    *scales = quantize_kv(from + first, here, quants);
    scales += scale_step;
    for (std::int64_t i = 0; i < here; ++i) to[(first + i) * kStep] = quants[i];
  }
}
template <int kStep, class Element>
INLINE void write_elements(const float* from, std::int64_t dim, Element* to,
                           std::uint16_t* /*scales*/, std::int64_t /*scale_step*/) {
  for (std::int64_t first = 0; first < dim; first += 16) {
    const std::int64_t here = dim - first < 16 ? dim - first : 16;
    const F32x16 x = load_up_to(from + first, here);
    if constexpr (kStep == 1) {
      if (here == 16) {
        store(to + first, x);
      } else {
        store_first(to + first, x, here);
      }
    } else {
      Element converted[16];
      store(converted, x);
      for (std::int64_t i = 0; i < here; ++i) to[(first + i) * kStep] = converted[i];
    }
  }
}

template <class Element>
void write_cache(const WriteCacheTask& task, std::int64_t row_begin,
                 std::int64_t row_end) noexcept {
  const CacheSlice& cache = task.cache;
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const auto position = static_cast<std::int32_t>(task.first_position + row);
    const std::int64_t lane = position % kKvPanel;
    for (std::int32_t head = 0; head < cache.kv_heads; ++head) {
      const std::int64_t source = row * cache.kv_heads + head;
      std::byte* keys = key_panel<Element>(cache, head, position);
      write_elements<kKvPanel>(task.keys + source * cache.key_dim, cache.key_dim,
                               elements_of<Element>(keys, cache.key_dim) + lane,
                               scales_of(keys) + lane, kKvPanel);
      if (cache.value_first >= 0) continue;
      std::byte* values = value_panel<Element>(cache, head, position);
      write_elements<1>(task.values + source * cache.value_dim, cache.value_dim,
                        elements_of<Element>(values, cache.value_dim) + lane * cache.value_dim,
                        scales_of(values) + lane * kv_scales(kTypeOf<Element>, cache.value_dim), 1);
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
    for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i, 0, 2);
    pieces[piece] = nullptr;
  }
};

/// The keys and values of a tile's positions, of which [low, high) are visible to some row.
template <class Element>
struct Tile {
  std::int32_t low;
  std::int32_t high;
  const std::byte* keys[kTilePanels];    // panels; null where nothing is visible
  const std::byte* values[kTilePanels];  // … and where they are part of keys
};

/// The tile that begins at `begin`, of which positions up to `high` may be read.
template <class Element>
INLINE Tile<Element> tile_at(const CacheSlice& cache, std::int32_t kv_head, std::int32_t begin,
                             std::int32_t low, std::int32_t high) {
  Tile<Element> tile;
  tile.low = low > begin ? low - begin : 0;
  tile.high = high - begin < kTile ? high - begin : kTile;
  for (std::int32_t p = 0; p < kTilePanels; ++p) {
    const bool visible = (p + 1) * kKvPanel > tile.low && p * kKvPanel < tile.high;
    const std::int32_t position = begin + p * kKvPanel;
    tile.keys[p] = visible ? key_panel<Element>(cache, kv_head, position) : nullptr;
    tile.values[p] =
        visible && cache.value_first < 0 ? value_panel<Element>(cache, kv_head, position) : nullptr;
  }
  return tile;
}

template <class Element>
INLINE Ahead keys_ahead(const CacheSlice& cache, const Tile<Element>& tile) {
  Ahead ahead;
  ahead.bytes = kv_panel_bytes(kTypeOf<Element>, cache.key_dim);
  for (int p = 0; p < kTilePanels; ++p) ahead.pieces[p] = tile.keys[p];
  return ahead;
}

template <class Element>
INLINE Ahead values_ahead(const CacheSlice& cache, const Tile<Element>& tile) {
  Ahead ahead;
  ahead.bytes = kv_panel_bytes(kTypeOf<Element>, cache.value_dim);
  for (int p = 0; p < kTilePanels; ++p) ahead.pieces[p] = tile.values[p];
  return ahead;
}

/// Elements [first, first + count) of a panel of keys as floats, a vector each: to(e - first, x).
template <class Element, class To>
INLINE void each_key_element(const std::byte* panel, std::int64_t key_dim, std::int64_t first,
                             std::int64_t count, const To& to) {
  const Element* from = elements_of<Element>(panel, key_dim);
  if constexpr (kLoads<Element>) {
    for (std::int64_t e = 0; e < count; ++e) to(e, load(from + (first + e) * kKvPanel));
  } else {
    for (std::int64_t e = 0; e < count;) {
      const std::int64_t block = (first + e) / kKvBlock;
      const F32x16 scale = load(scales_of(panel) + block * kKvPanel);
      const std::int64_t behind = (block + 1) * kKvBlock - first;
      for (const std::int64_t end = behind < count ? behind : count; e < end; ++e)
        to(e, to_float(load_i8(reinterpret_cast<const std::byte*>(from + (first + e) * kKvPanel))) *
                  scale);
    }
  }
}

/// Elements [first, first + count) of a tile's keys: [kTilePanels][kChunk][16].
template <class Element>
INLINE void convert_keys(const Tile<Element>& tile, std::int64_t key_dim, std::int64_t first,
                         std::int64_t count, float* chunk) {
  for (int p = 0; p < kTilePanels; ++p) {
    if (tile.keys[p] == nullptr) continue;
    float* rows = chunk + p * kChunk * kKvPanel;
    each_key_element<Element>(tile.keys[p], key_dim, first, count,
                              [&](std::int64_t e, F32x16 x)
                                  INLINE_BODY { store(rows + e * kKvPanel, x); });
  }
}

/// Elements [first, first + count) of one value, `first` a multiple of kKvBlock, filled up to a
/// whole vector with zeros.
template <class Element>
INLINE void convert_value(const std::byte* panel, std::int64_t value_dim, std::int64_t row,
                          std::int64_t first, std::int64_t count, float* to) {
  const Element* from = elements_of<Element>(panel, value_dim) + row * value_dim + first;
  if constexpr (kLoads<Element>) {
    std::int64_t d = 0;
    for (; d + 16 <= count; d += 16) store(to + d, load(from + d));
    if (d < count) store(to + d, load_first(from + d, count - d));
  } else {
    const std::uint16_t* scales =
        scales_of(panel) + row * kv_scales(KvType::kQ8_0, value_dim) + first / kKvBlock;
    for (std::int64_t block = 0; block < count; block += kKvBlock) {
      const F32x16 scale = broadcast_f16(scales[block / kKvBlock]);
      const std::int64_t behind = block + kKvBlock < count ? block + kKvBlock : count;
      for (std::int64_t d = block; d < behind; d += 16) {
        const auto* quants = reinterpret_cast<const std::byte*>(from + d);
        std::byte padded[16] = {};
        if (behind - d < 16) {
          for (std::int64_t i = 0; i < behind - d; ++i) padded[i] = quants[i];
          quants = padded;
        }
        store(to + d, to_float(load_i8(quants)) * scale);
      }
    }
  }
}

/// Elements [first, first + count) of its visible values, filled up to whole vectors with zeros:
/// [kTile][kChunk].
template <class Element>
INLINE void convert_values(const Tile<Element>& tile, std::int64_t value_dim, std::int64_t first,
                           std::int64_t count, float* chunk) {
  for (std::int32_t j = tile.low; j < tile.high; ++j)
    convert_value<Element>(tile.values[j / kKvPanel], value_dim, j % kKvPanel, first, count,
                           chunk + j * kChunk);
}

/// convert_values where values are elements of keys, from `first` on; whole panels at a time.
template <class Element>
INLINE void turn_values(const Tile<Element>& tile, std::int64_t key_dim, std::int64_t first,
                        std::int64_t count, float* chunk) {
  for (int p = 0; p < kTilePanels; ++p) {
    if (tile.keys[p] == nullptr) continue;
    float* rows = chunk + p * kKvPanel * kChunk;
    for (std::int64_t d = 0; d < count; d += 16) {
      alignas(64) float block[16][kKvPanel];
      const std::int64_t here = count - d < 16 ? count - d : 16;
      each_key_element<Element>(tile.keys[p], key_dim, first + d, here,
                                [&](std::int64_t i, F32x16 x) INLINE_BODY { store(block[i], x); });
      for (std::int64_t i = here; i < 16; ++i) store(block[i], zero());
      for (std::int64_t i = 0; i < 16; i += 4) {
        for (std::int64_t j = 0; j < kKvPanel; j += 4) {
          transpose_4x4(block[i] + j, kKvPanel, rows + j * kChunk + d + i, kChunk);
        }
      }
    }
  }
}
