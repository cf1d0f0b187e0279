// One tile of attention for a block of query rows: scores, weights, sums of values. A fragment
// (see ../README.md) behind attention_cache.

// Query rows that share loads of keys and values: four vectors at once make 24 sums, which leave
// room in 32 registers for the vectors and for an element of a query.
constexpr int kBlockRows = 6;
constexpr float kNothing = -__builtin_inff();

/// Panels of keys, or vectors of values, that go with so many rows: as many sums as there are
/// registers for, and enough of them to hide the latency of a sum.
constexpr int vectors_at_once(int rows) {
  if (kManyRegisters || rows == 1) return 4;
  return rows == 2 ? 2 : 1;
}

/// One query row within a tile: it sees [begin, end), counted from the tile's first position, as is
/// its own.
struct RowView {
  const float* q;
  float* state;
  const float* bias;
  float slope;
  std::int32_t position;
  std::int32_t begin;
  std::int32_t end;
  INLINE bool empty() const { return begin >= end; }
};

/// Up to kBlockRows rows, and what they see of a tile: [low, high) some of them, [common_low,
/// common_high) all.
struct RowBlock {
  const RowView* rows;
  int count;
  std::int32_t low;
  std::int32_t high;
  std::int32_t common_low;
  std::int32_t common_high;
  INLINE bool empty() const { return low >= high; }
};

INLINE RowBlock block_of_rows(const RowView* rows, int count) {
  RowBlock block{rows, count, kTile, 0, 0, kTile};
  for (int r = 0; r < count; ++r) {
    const RowView& row = rows[r];
    block.common_low = row.begin > block.common_low ? row.begin : block.common_low;
    block.common_high = row.end < block.common_high ? row.end : block.common_high;
    if (row.empty()) continue;
    block.low = row.begin < block.low ? row.begin : block.low;
    block.high = row.end > block.high ? row.end : block.high;
  }
  return block;
}

/// body(Index<count>{}) for a count of 1 to kMax.
template <int kMax, class Body>
INLINE void with_count(int count, const Body& body) {
  if constexpr (kMax > 0) {
    if (count == kMax) {
      body(Index<kMax>{});
    } else {
      with_count<kMax - 1>(count, body);
    }
  }
}

/// scores[r][j] += Σ q[r][first + e] · K[j][e] over `count` elements in order, from 0 where `first`
/// is 0; for kPanels panels.
template <class Key, int kRows, int kPanels>
INLINE void score_panels(const Key* const* panels, const RowView* rows, std::int64_t first,
                         std::int64_t count, float* scores, Ahead& ahead) {
  F32x16 sums[kRows][kPanels];
  const Key* keys[kPanels];
  const float* q[kRows];
  repeat<0, kPanels>([&](auto p) INLINE_BODY { keys[p] = panels[p]; });
  repeat<0, kRows>([&](auto r) INLINE_BODY {
    q[r] = rows[r].q + first;
    repeat<0, kPanels>([&](auto p) INLINE_BODY {
      sums[r][p] = first == 0 ? zero() : load(scores + r * kTile + p * kKvPanel);
    });
  });
  std::int64_t e = 0;
  for (std::int32_t part = 0; part < kTilePanels; ++part) {
    ahead.fetch(part);
    for (const std::int64_t end = count * (part + 1) / kTilePanels; e < end; ++e) {
      F32x16 k[kPanels];
      repeat<0, kPanels>([&](auto p) INLINE_BODY { k[p] = load(keys[p] + e * kKvPanel); });
      repeat<0, kRows>([&](auto r) INLINE_BODY {
        const F32x16 x = broadcast(q[r][e]);
        repeat<0, kPanels>([&](auto p) INLINE_BODY { sums[r][p] = fma(x, k[p], sums[r][p]); });
      });
    }
  }
  repeat<0, kRows>([&](auto r) INLINE_BODY {
    repeat<0, kPanels>([&](auto p)
                           INLINE_BODY { store(scores + r * kTile + p * kKvPanel, sums[r][p]); });
  });
}

/// score_panels of the panels that the block sees something of.
template <class Key, int kRows>
void score_rows(const Key* const* panels, const RowBlock& block, std::int64_t first,
                std::int64_t count, float (*scores)[kTile], Ahead& ahead) noexcept {
  constexpr int kPanels = vectors_at_once(kRows);
  const int end = (block.high + kKvPanel - 1) / kKvPanel;
  int panel = block.low / kKvPanel;
  for (; panel + kPanels <= end; panel += kPanels)
    score_panels<Key, kRows, kPanels>(panels + panel, block.rows, first, count,
                                      scores[0] + panel * kKvPanel, ahead);
  for (; panel < end; ++panel)
    score_panels<Key, kRows, 1>(panels + panel, block.rows, first, count,
                                scores[0] + panel * kKvPanel, ahead);
}

template <class Key>
INLINE void score_block(const Key* const* panels, const RowBlock& block, std::int64_t first,
                        std::int64_t count, float (*scores)[kTile], Ahead& ahead) {
  with_count<kBlockRows>(block.count, [&](auto rows) INLINE_BODY {
    score_rows<Key, rows>(panels, block, first, count, scores, ahead);
  });
}

alignas(64) constexpr float kLaneNumbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 15};

/// Dot products of a row with panel p as the softmax takes them.
INLINE F32x16 finish_score(const AttentionTask& task, const RowView& row, int p, F32x16 score) {
  score = score * broadcast(task.scale);
  if (task.logit_cap != 0.0f) {
    const F32x16 cap = broadcast(task.logit_cap);
    score = cap * tanh(score / cap);
  }
  const std::int32_t first = p * kKvPanel - row.position;
  if (task.slopes != nullptr) {
    const F32x16 distances = load(kLaneNumbers) + broadcast(static_cast<float>(first));
    score = fma(broadcast(-row.slope), abs(distances), score);
  }
  if (row.bias == nullptr) return score;
  // A panel beyond the table has the value of its outermost elements.
  const std::int32_t low = -task.bias_reach;
  const std::int32_t high = task.bias_reach - (kKvPanel - 1);
  return score + load(row.bias + (first < low ? low : first > high ? high : first));
}

/// The same of all panels that the row sees something of. Apart from the code around it, which most
/// models run without it.
[[gnu::noinline]] void finish_scores(const AttentionTask& task, const RowView& row,
                                     float* scores) noexcept {
  for (int p = row.begin / kKvPanel; p * kKvPanel < row.end; ++p)
    store(scores + p * kKvPanel, finish_score(task, row, p, load(scores + p * kKvPanel)));
}

/// The largest of a row's visible scores, which are capped and biased first if that is asked for.
INLINE float max_score(const AttentionTask& task, const RowView& row, float* scores) {
  if (scales_scores(task)) finish_scores(task, row, scores);
  const F32x16 nothing = broadcast(kNothing);
  F32x16 max_scores = nothing;
  const bool whole = row.begin == 0 && row.end == kTile;
  repeat<0, kTilePanels>([&](auto p) INLINE_BODY {
    const std::int32_t begin = row.begin - p * kKvPanel;
    const std::int32_t end = row.end - p * kKvPanel;
    if (whole || (begin < kKvPanel && end > 0)) {
      const F32x16 score = load(scores + p * kKvPanel);
      max_scores = max(whole ? score : select(lanes(begin, end), score, nothing), max_scores);
    }
  });
  return max_lane(max_scores);
}

/// Scores to weights p, in place, for those rows that see something of the tile; updates l, M and
/// acc's scale in their states. The passes are there for the processor: each has the latencies of
/// all rows at once.
INLINE void weigh_rows(const AttentionTask& task, const RowView* rows, int count,
                       float (*scores)[kTile]) {
  const float factor = exponent_factor(task);
  float max_exponents[kAttentionRows];
  for (int r = 0; r < count; ++r)
    if (!rows[r].empty()) max_exponents[r] = max_score(task, rows[r], scores[r]) * factor;
  for (int r = 0; r < count; ++r) {
    const RowView& row = rows[r];
    if (row.empty()) continue;
    const bool whole = row.begin == 0 && row.end == kTile;
    const float before = row.state[16];
    const float now = max_exponents[r] > before ? max_exponents[r] : before;
    F32x16 p[kTilePanels];
    repeat<0, kTilePanels>([&](auto i) INLINE_BODY {
      const std::int32_t begin = row.begin - i * kKvPanel;
      const std::int32_t end = row.end - i * kKvPanel;
      p[i] = zero();
      if (whole || (begin < kKvPanel && end > 0)) {
        p[i] = exp2(fma(load(scores[r] + i * kKvPanel), broadcast(factor), -broadcast(now)));
        if (!whole) p[i] = select(lanes(begin, end), p[i], zero());
        store(scores[r] + i * kKvPanel, p[i]);
      }
    });
    const F32x16 sum = ((p[0] + p[1]) + p[2]) + p[3];
    // A new maximum is rare, and where it is the first one there is nothing to scale.
    F32x16 correction = broadcast(1.0f);
    if (now != before && before != kNothing) {
      correction = exp2(broadcast(before - now));
      for (std::int64_t d = 0; d < task.cache.value_dim; d += 16)
        store(row.state + 32 + d, load(row.state + 32 + d) * correction);
    }
    row.state[16] = now;
    store(row.state, fma(load(row.state), correction, sum));
  }
}

/// Rows of values by position: those of panel p begin at panels[p], `stride` apart.
template <class Value>
struct ValueRows {
  const Value* panels[kTilePanels];
  std::int64_t stride;
};

/// acc[r][d + i] += p[r][j] · V[j][from + i] for j in [begin, end) in order; for kVectors vectors,
/// `count` elements in all.
template <class Value, int kRows, int kVectors>
INLINE void add_values(const ValueRows<Value>& values, std::int64_t from, const RowView* rows,
                       std::int64_t d, std::int64_t count, std::int32_t begin, std::int32_t end,
                       const float (*p)[kTile], Ahead& ahead) {
  F32x16 acc[kRows][kVectors];
  float* to[kRows];
  const bool whole = count == kVectors * 16;
  repeat<0, kRows>([&](auto r) INLINE_BODY {
    to[r] = rows[r].state + 32 + d;
    repeat<0, kVectors>([&](auto v) INLINE_BODY { acc[r][v] = load(to[r] + v * 16); });
  });
  for (std::int32_t j = begin; j < end;) {
    const std::int32_t panel = j / kKvPanel;
    ahead.fetch(panel);
    const Value* row = values.panels[panel] + (j % kKvPanel) * values.stride + from;
    const std::int32_t behind = (panel + 1) * kKvPanel;
    for (const std::int32_t last = behind < end ? behind : end; j < last; ++j) {
      F32x16 value[kVectors];
      repeat<0, kVectors>([&](auto v) INLINE_BODY {
        if (v + 1 < kVectors || whole) {
          value[v] = load(row + v * 16);
        } else {
          value[v] = load_first(row + v * 16, count - v * 16);
        }
      });
      repeat<0, kRows>([&](auto r) INLINE_BODY {
        const F32x16 weight = broadcast(p[r][j]);
        repeat<0, kVectors>([&](auto v)
                                INLINE_BODY { acc[r][v] = fma(weight, value[v], acc[r][v]); });
      });
      row += values.stride;
    }
  }
  repeat<0, kRows>([&](auto r) INLINE_BODY {
    repeat<0, kVectors>([&](auto v) INLINE_BODY { store(to[r] + v * 16, acc[r][v]); });
  });
}

/// Elements [d, d + count) of acc, for which `values` begin with d.
template <class Value, int kRows>
void add_rows(const ValueRows<Value>& values, const RowView* rows, std::int64_t d,
              std::int64_t count, std::int32_t begin, std::int32_t end, const float (*p)[kTile],
              Ahead& ahead) noexcept {
  constexpr int kVectors = vectors_at_once(kRows);
  std::int64_t from = 0;
  for (; from + kVectors * 16 <= count; from += kVectors * 16)
    add_values<Value, kRows, kVectors>(values, from, rows, d + from, kVectors * 16, begin, end, p,
                                       ahead);
  for (; from < count; from += 16)
    add_values<Value, kRows, 1>(values, from, rows, d + from, count - from < 16 ? count - from : 16,
                                begin, end, p, ahead);
}

template <class Value>
INLINE void add_block(const ValueRows<Value>& values, const RowBlock& block, std::int64_t d,
                      std::int64_t count, const float (*p)[kTile], Ahead& ahead) {
  const bool common = block.common_low < block.common_high;
  // Positions that only some of the rows see are added row by row, before and after the others.
  for (int r = 0; r < block.count; ++r) {
    const RowView& row = block.rows[r];
    const std::int32_t end = common ? block.common_low : row.end;
    if (row.begin < end) add_rows<Value, 1>(values, &row, d, count, row.begin, end, p + r, ahead);
  }
  if (!common) return;
  with_count<kBlockRows>(block.count, [&](auto rows) INLINE_BODY {
    add_rows<Value, rows>(values, block.rows, d, count, block.common_low, block.common_high, p,
                          ahead);
  });
  for (int r = 0; r < block.count; ++r)
    if (block.common_high < block.rows[r].end)
      add_rows<Value, 1>(values, &block.rows[r], d, count, block.common_high, block.rows[r].end,
                         p + r, ahead);
}
