// Matrix products: panels by tokens. A fragment (see ../README.md) behind block_products.

INLINE void finish(const LinearTask& task, std::int64_t panel, std::int64_t token, F32x16 acc) {
  const std::int64_t n = panel * kPanelRows;
  const std::int64_t count = task.rows - n < kPanelRows ? task.rows - n : kPanelRows;
  if (task.bias != nullptr) acc = acc + load_up_to(task.bias + n, count);
  store_up_to(task.out + token * task.out_stride + n, acc, count);
}

/// Consecutive blocks of a panel that stand under one super-block header.
struct BlockRun {
  const std::byte* super;
  const std::byte* header;
  std::int64_t blocks;
};

/// `count` blocks of a panel from number `block` on. Without super-blocks a panel is one run.
template <PanelFormat kFormat>
INLINE BlockRun blocks_at(const std::byte* panel, std::int64_t block, std::int64_t count) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  if constexpr (kTraits.super_header_bytes == 0) {
    const std::byte* header = panel + block * kTraits.block_bytes();
    return {header, header, count};
  } else {
    const std::byte* super = panel + block / kTraits.blocks_per_super * kTraits.super_bytes();
    const std::byte* header = super + kTraits.super_header_bytes +
                              block % kTraits.blocks_per_super * kTraits.block_bytes();
    return {super, header, count};
  }
}

/// How many of `left` blocks the next run has.
template <PanelFormat kFormat>
INLINE std::int64_t run_length(std::int64_t left) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  if constexpr (kTraits.super_header_bytes == 0) return left;
  return left < kTraits.blocks_per_super ? left : kTraits.blocks_per_super;
}

template <PanelFormat kFormat>
INLINE void next_block(BlockRun& run) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  if constexpr (kTraits.super_header_bytes == 0) run.super += kTraits.block_bytes();
  run.header += kTraits.block_bytes();
}

/// The sums over a token's fine blocks, for each panel.
template <PanelFormat kFormat, int kPanels>
INLINE void fine_sums(const LinearTask& task, PanelRow panels, std::int64_t token,
                      F32x16 (&sums)[kPanels]) {
  const auto* fine = reinterpret_cast<const FineBlock*>(
      task.fine + static_cast<std::size_t>(token) * task.fine_stride);
  F32x16 acc[kPanels][1];
  repeat<0, kPanels>([&](auto p) INLINE_BODY { acc[p][0] = zero(); });
  for (std::int64_t i = 0; i < task.fine_blocks; ++i) {
    const BlockRun run = blocks_at<kFormat>(panels.first, fine[i].block, 1);
    const auto* rest = reinterpret_cast<const std::byte*>(&fine[i].rest);
    add_block<kFormat>(PanelRow{run.super, panels.stride}, PanelRow{run.header, panels.stride},
                       Q8Column{rest, 0}, acc);
  }
  repeat<0, kPanels>([&](auto p) INLINE_BODY { sums[p] = acc[p][0]; });
}
template <PanelFormat kFormat, int kPanels>
__attribute__((noinline)) void fine_sums_alone(const LinearTask& task, PanelRow panels,
                                               std::int64_t token, F32x16 (&sums)[kPanels]) {
  fine_sums<kFormat>(task, panels, token, sums);
}

/// Whether the tokens of a tile have the same fine blocks.
template <int kTokens>
INLINE bool same_fine_blocks(const LinearTask& task, const std::byte* fine) {
  std::int32_t differs = 0;
  for (std::int64_t i = 0; i < task.fine_blocks; ++i) {
    const auto of = [&](int token) INLINE_BODY {
      const std::byte* row = fine + static_cast<std::size_t>(token) * task.fine_stride;
      return reinterpret_cast<const FineBlock*>(row)[i].block;
    };
    repeat<1, kTokens>([&](auto t) INLINE_BODY { differs |= of(0) ^ of(t); });
  }
  return differs == 0;
}

/// How far ahead of one token's products weights are fetched: left to the CPU's own prefetching,
/// these are a tenth to a quarter slower.
constexpr std::size_t kBytesAhead = 2304;

/// Has a block come into the second cache. It may be one behind the last.
template <PanelFormat kFormat>
INLINE void fetch_block(const std::byte* block) {
  for (int line = 0; line < panel_traits(kFormat).block_bytes(); line += 64)
    __builtin_prefetch(block + line, 0, 2);
}

/// acc += the products of `count` blocks of panels, from number `first` on, with `x` for each
/// panel and token.
template <PanelFormat kFormat, int kPanels, int kTokens>
INLINE void add_blocks(const LinearTask& task, const std::byte* panel, std::int64_t first,
                       std::int64_t count, Q8Column x, F32x16 (&acc)[kPanels][kTokens]) {
  for (std::int64_t done = 0; done < count;) {
    BlockRun run = blocks_at<kFormat>(panel, first + done, run_length<kFormat>(count - done));
    done += run.blocks;
    for (std::int64_t i = 0; i < run.blocks; ++i) {
      const PanelRow header{run.header, task.panel_stride};
      // While panels are computed with, the next ones come in.
      if constexpr (kTokens > 1) {
        repeat<0, kPanels>([&](auto p) INLINE_BODY { fetch_block<kFormat>(header[kPanels + p]); });
      } else {
        fetch_block<kFormat>(run.header + kBytesAhead);
      }
      add_block<kFormat>(PanelRow{run.super, task.panel_stride}, header, x, acc);
      next_block<kFormat>(run);
      x.first += sizeof(Q8Block);
    }
  }
}

/// acc += what a token's fine blocks make, for each panel and token.
template <PanelFormat kFormat, int kPanels, int kTokens>
INLINE void add_fine_sums(const LinearTask& task, PanelRow panels, std::int64_t token,
                          F32x16 (&acc)[kPanels][kTokens]) {
  repeat<0, kTokens>([&](auto t) INLINE_BODY {
    F32x16 sums[kPanels];
    if constexpr (kTokens == 1) {
      fine_sums<kFormat>(task, panels, token, sums);
    } else {
      fine_sums_alone<kFormat>(task, panels, token + t, sums);
    }
    repeat<0, kPanels>([&](auto p) INLINE_BODY { acc[p][t] = acc[p][t] + sums[p]; });
  });
}

/// `kPanels` panels by `kTokens` tokens.
template <PanelFormat kFormat, int kPanels, int kTokens>
INLINE void integer_tile(const LinearTask& task, std::int64_t panel, std::int64_t token) {
  const PanelRow panels{task.panels + static_cast<std::size_t>(panel) * task.panel_stride,
                        task.panel_stride};
  const std::int64_t blocks = q8_blocks(task.columns);
  F32x16 acc[kPanels][kTokens];
  const auto each = [](auto body) INLINE_BODY {
    repeat<0, kPanels>(
        [&](auto p) INLINE_BODY { repeat<0, kTokens>([&](auto t) INLINE_BODY { body(p, t); }); });
  };
  each([&](auto p, auto t) INLINE_BODY { acc[p][t] = zero(); });
  Q8Column x{task.input + static_cast<std::size_t>(token) * task.input_stride, task.input_stride};
  if constexpr (kTokens == 1) {
    add_blocks<kFormat>(task, panels.first, 0, blocks, x, acc);
    if (task.fine != nullptr) add_fine_sums<kFormat>(task, panels, token, acc);
  } else {
    const std::byte* fine = task.fine;
    if (fine != nullptr) fine += static_cast<std::size_t>(token) * task.fine_stride;
    // The blocks; then, from zero again, the fine ones that all tokens have.
    const std::int64_t shared =
        fine != nullptr && same_fine_blocks<kTokens>(task, fine) ? task.fine_blocks : 0;
    F32x16 coarse[kPanels][kTokens];
    for (std::int64_t part = 0; part <= shared; ++part) {
      std::int64_t first = 0;
      if (part == 1) {
        each([&](auto p, auto t) INLINE_BODY {
          coarse[p][t] = acc[p][t];
          acc[p][t] = zero();
        });
      }
      if (part > 0) {
        x = {fine + (part - 1) * static_cast<std::int64_t>(sizeof(FineBlock)), task.fine_stride};
        first = reinterpret_cast<const FineBlock*>(x.first)->block;
      }
      add_blocks<kFormat>(task, panels.first, first, part == 0 ? blocks : 1, x, acc);
    }
    if (shared != 0) {
      each([&](auto p, auto t) INLINE_BODY { acc[p][t] = coarse[p][t] + acc[p][t]; });
    } else if (fine != nullptr) {
      add_fine_sums<kFormat>(task, panels, token, acc);
    }
  }
  each([&](auto p, auto t) INLINE_BODY { finish(task, panel + p, token + t, acc[p][t]); });
}

template <PanelFormat kFormat>
INLINE F32x16 load_weights(const std::byte* panel, std::int64_t k) {
  if constexpr (kFormat == PanelFormat::kF32)
    return load(reinterpret_cast<const float*>(panel) + k * kPanelRows);
  const auto* half = reinterpret_cast<const std::uint16_t*>(panel) + k * kPanelRows;
  if constexpr (kFormat == PanelFormat::kF16) return load(half);
  return load_bf16(half);
}

/// `kPanels` panels by `kTokens` tokens: enough sums at once to hide how long each takes.
template <PanelFormat kFormat, int kPanels, int kTokens>
INLINE void float_tile(const LinearTask& task, std::int64_t panel, std::int64_t token) {
  F32x16 acc[kPanels][kTokens];
  repeat<0, kPanels>([&](auto p) INLINE_BODY {
    repeat<0, kTokens>([&](auto t) INLINE_BODY { acc[p][t] = zero(); });
  });
  const std::byte* weights = task.panels + static_cast<std::size_t>(panel) * task.panel_stride;
  const std::byte* input = task.input + static_cast<std::size_t>(token) * task.input_stride;
  for (std::int64_t k = 0; k < task.columns; ++k) {
    F32x16 w[kPanels];
    repeat<0, kPanels>([&](auto p) INLINE_BODY {
      w[p] = load_weights<kFormat>(weights + p * task.panel_stride, k);
    });
    repeat<0, kTokens>([&](auto t) INLINE_BODY {
      const F32x16 x = broadcast(reinterpret_cast<const float*>(input + t * task.input_stride)[k]);
      repeat<0, kPanels>([&](auto p) INLINE_BODY { acc[p][t] = fma(w[p], x, acc[p][t]); });
    });
  }
  repeat<0, kPanels>([&](auto p) INLINE_BODY {
    repeat<0, kTokens>([&](auto t) INLINE_BODY { finish(task, panel + p, token + t, acc[p][t]); });
  });
}

// As many tokens as there are registers for: of 32 their sums, the dot products of a block and its
// weights take eight each. With 16, of half a vector each, it is half as many tokens.
constexpr int kTileTokens = kManyRegisters ? 8 : 4;

template <class Tiles>
INLINE void panel_by_tokens(const LinearTask& task, std::int64_t panel, std::int64_t token,
                            std::int64_t token_end) {
  for (; token + kTileTokens <= token_end; token += kTileTokens)
    Tiles::template run<kTileTokens>(task, panel, token);
  if (kTileTokens == 8 && token + 4 <= token_end) {
    Tiles::template run<4>(task, panel, token);
    token += 4;
  }
  if (token + 2 <= token_end) {
    Tiles::template run<2>(task, panel, token);
    token += 2;
  }
  if (token < token_end) Tiles::template run<1>(task, panel, token);
}

template <PanelFormat kFormat, int kPanels>
struct IntegerTiles {
  template <int kTokens>
  static void run(const LinearTask& task, std::int64_t panel, std::int64_t token) {
    integer_tile<kFormat, kPanels, kTokens>(task, panel, token);
  }
};

/// Panels of a tile of several tokens. Where a dot product is one instruction, reading activations
/// takes as long, and two panels share it; but not where sums of half blocks fill the registers, or
/// where a fifth bit has to be read for every group.
template <PanelFormat kFormat>
constexpr int kTilePanels =
    kManyRegisters && kDotIsOneInstruction && !panel_traits(kFormat).has_halves() &&
            panel_traits(kFormat).bits != 5
        ? 2
        : 1;

template <PanelFormat kFormat, int kPanels>
struct FloatTiles {
  template <int kTokens>
  static void run(const LinearTask& task, std::int64_t panel, std::int64_t token) {
    float_tile<kFormat, kPanels, kTokens>(task, panel, token);
  }
};

template <PanelFormat kFormat>
void linear(const LinearTask& task, std::int64_t panel_begin, std::int64_t panel_end,
            std::int64_t token_begin, std::int64_t token_end) noexcept {
  std::int64_t panel = panel_begin;
  if constexpr (panel_traits(kFormat).is_float()) {
    constexpr int kPanels = kManyRegisters ? 2 : 1;
    if (token_end - token_begin == 1) {
      for (; panel + 4 <= panel_end; panel += 4)
        FloatTiles<kFormat, 4>::template run<1>(task, panel, token_begin);
    }
    // Few tokens wait for weights, of which two panels are two streams; many are faster with one.
    if (token_end - token_begin < 4 * kTileTokens) {
      for (; panel + kPanels <= panel_end; panel += kPanels)
        panel_by_tokens<FloatTiles<kFormat, kPanels>>(task, panel, token_begin, token_end);
    }
    for (; panel < panel_end; ++panel)
      panel_by_tokens<FloatTiles<kFormat, 1>>(task, panel, token_begin, token_end);
  } else {
    constexpr int kPanels = kTilePanels<kFormat>;
    if (token_end - token_begin > 1) {
      for (; panel + kPanels <= panel_end; panel += kPanels)
        panel_by_tokens<IntegerTiles<kFormat, kPanels>>(task, panel, token_begin, token_end);
    }
    for (; panel < panel_end; ++panel)
      panel_by_tokens<IntegerTiles<kFormat, 1>>(task, panel, token_begin, token_end);
  }
}
