// Matrix products. Included by tier.cpp, like vec_*.hpp.

/// Group `kGroup` of a block's quants; those of 8 bits are signed where the tier wants that.
template <int kBits, int kGroup>
INLINE Bytes64 unpack(const std::byte* quants) {
  if constexpr (kBits == 8) {
    const Bytes64 bytes = load_bytes(quants + 64 * kGroup);
    if constexpr (kSignedBytes) return bytes ^ all_bytes(0x80);
    return bytes;
  } else {
    const Bytes64 both = load_bytes(quants + 64 * (kGroup / 2));
    constexpr int kShift = kGroup % 2 == 0 ? 0 : -4;
    const Bytes64 low = shift_bits<kShift>(both) & all_bytes(0x0F);
    if constexpr (kBits == 5) {
      const Bytes64 high = shift_bits<4 - kGroup>(load_bytes(quants + 256));
      return low | (high & all_bytes(0x10));
    }
    if constexpr (kBits == 6) {
      const Bytes64 high =
          shift_bits<4 - 2 * (kGroup % 4)>(load_bytes(quants + 256 + 64 * (kGroup / 4)));
      return low | (high & all_bytes(0x30));
    }
    return low;
  }
}

/// Group `kGroup` of the quants of a table, as its values with the bias added: 0 to 24, which need
/// no more room in sums than quants of five bits.
template <PanelFormat kFormat, int kGroup>
INLINE Bytes64 unpack_quants(const std::byte* quants) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  if constexpr (kFormat == PanelFormat::kT4Scale) {
    const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kT4Values));
    return look_up(_mm_add_epi8(values, _mm_set1_epi8(kTraits.bias)), unpack<4, kGroup>(quants));
  } else {
    return unpack<kTraits.bits, kGroup>(quants);
  }
}
template <PanelFormat kFormat>
constexpr int kDotBits = kFormat == PanelFormat::kT4Scale ? 5 : panel_traits(kFormat).bits;

/// One block of one token's activations, `stride` bytes from the next token's.
struct Q8Column {
  const std::byte* first;
  std::size_t stride;
  INLINE const Q8Block& operator[](int token) const {
    return *reinterpret_cast<const Q8Block*>(first + static_cast<std::size_t>(token) * stride);
  }
};

/// dots[t] += Σ quant · activation over the groups [kBegin, kEnd) of a block.
template <PanelFormat kFormat, int kBegin, int kEnd, int kTokens>
INLINE void add_dots(const std::byte* quants, Q8Column x, Dot<kDotBits<kFormat>> (&dots)[kTokens]) {
  if constexpr (kManyRegisters) {
    Bytes64 weights[8];
    repeat<kBegin, kEnd>([&](auto g)
                             INLINE_BODY { weights[g] = unpack_quants<kFormat, g>(quants); });
    repeat<0, kTokens>([&](auto t) INLINE_BODY {
      repeat<kBegin, kEnd>([&](auto g) INLINE_BODY {
        dots[t].add(g, weights[g], broadcast_bytes(x[t].quants + 4 * g));
      });
    });
  } else {
    repeat<kBegin, kEnd>([&](auto g) INLINE_BODY {
      const Bytes64 weights = unpack_quants<kFormat, g>(quants);
      repeat<0, kTokens>([&](auto t) INLINE_BODY {
        dots[t].add(g, weights, broadcast_bytes(x[t].quants + 4 * g));
      });
    });
  }
}

/// Σ (q - bias) · a of a block for each token, where the bias is one for all and has no scale
/// within the block.
template <PanelFormat kFormat, int kTokens>
INLINE void block_dots(const std::byte* quants, Q8Column x, I32x16 (&sums)[kTokens]) {
  constexpr int kBits = kDotBits<kFormat>;
  constexpr int kBias = panel_traits(kFormat).bias;
  Dot<kBits> dots[kTokens];
  repeat<0, kTokens>([&](auto t) INLINE_BODY {
    I32x16 start = broadcast(std::int32_t{0});
    if constexpr (kBias != 0 && !(kBits == 8 && kSignedBytes)) {
      constexpr int kShift = kBias == 16 ? 1 : kBias == 128 ? 4 : 0;
      start = shift_left<kShift>(broadcast(x[t].minus_8_sum));
      if constexpr (kBias == 12) start = start + shift_right<1>(start);
      static_assert(8 << kShift == kBias || kBias == 12);
    }
    dots[t] = Dot<kBits>::from(start);
  });
  add_dots<kFormat, 0, 8>(quants, x, dots);
  repeat<0, kTokens>([&](auto t) INLINE_BODY { sums[t] = dots[t].sum; });
}

INLINE F32x16 load_f16(const std::byte* from) {
  return load(reinterpret_cast<const std::uint16_t*>(from));
}

/// 2^(e - 128), exactly.
INLINE F32x16 half_powers_of_two(I32x16 e) {
  const I32x16 one = broadcast(std::int32_t{1});
  return select(nonzero(shift_right<1>(e)), as_float(shift_left<23>(e - one)),
                as_float(shift_left<21>(e + one)));
}

/// acc += one block's product, for each token.
template <PanelFormat kFormat, int kTokens>
INLINE void add_block(const std::byte* super, const std::byte* header, Q8Column x,
                      F32x16 (&acc)[kTokens]) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  const std::byte* quants = header + kTraits.block_header_bytes;
  I32x16 sums[kTokens];
  if constexpr (kFormat == PanelFormat::kU6Super) {
    const I32x16 s0 = load_i8(header);
    const I32x16 s1 = load_i8(header + 16);
    // Both scales times the bias, as two signed halves of a lane.
    const I32x16 biases =
        (shift_left<5>(s0) & broadcast(std::int32_t{0xFFFF})) | shift_left<21>(s1);
    Dot<6> low[kTokens];
    Dot<6> high[kTokens];
    repeat<0, kTokens>([&](auto t) INLINE_BODY {
      low[t] = Dot<6>::from(broadcast(std::int32_t{0}));
      high[t] = low[t];
    });
    add_dots<kFormat, 0, 4>(quants, x, low);
    add_dots<kFormat, 4, 8>(quants, x, high);
    repeat<0, kTokens>([&](auto t) INLINE_BODY {
      std::int32_t halves;
      __builtin_memcpy(&halves, x[t].half_sums, sizeof halves);
      sums[t] = (s0 * low[t].sum + s1 * high[t].sum) - pair_dot(biases, broadcast(halves));
    });
  } else {
    block_dots<kFormat>(quants, x, sums);
  }

  F32x16 scale;
  F32x16 minimum = zero();
  constexpr bool kHasMinimum = kFormat == PanelFormat::kU4Super || kTraits.block_header_bytes == 64;
  if constexpr (kFormat == PanelFormat::kU4Super) {
    scale = load_f16(super) * to_float(load_u8(header));
    minimum = -(load_f16(super + 32) * to_float(load_u8(header + 16)));
  } else if constexpr (kFormat == PanelFormat::kU6Super) {
    scale = load_f16(super);
  } else if constexpr (kFormat == PanelFormat::kT4Scale) {
    scale = half_powers_of_two(load_u8(header));
  } else {
    scale = load_f16(header);
    if constexpr (kHasMinimum) minimum = load_f16(header + 32);
  }
  repeat<0, kTokens>([&](auto t) INLINE_BODY {
    acc[t] = fma(to_float(sums[t]), scale * broadcast(x[t].scale), acc[t]);
    if constexpr (kHasMinimum) acc[t] = fma(minimum, broadcast(x[t].scaled_sum), acc[t]);
  });
}

INLINE void finish(const LinearTask& task, std::int64_t panel, std::int64_t token, F32x16 acc) {
  const std::int64_t n = panel * kPanelRows;
  const std::int64_t count = task.rows - n < kPanelRows ? task.rows - n : kPanelRows;
  if (task.bias != nullptr) acc = acc + load_up_to(task.bias + n, count);
  store_up_to(task.out + token * task.out_stride + n, acc, count);
}

/// One panel by `kTokens` tokens.
template <PanelFormat kFormat, int kTokens>
INLINE void integer_tile(const LinearTask& task, std::int64_t panel, std::int64_t token) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  F32x16 acc[kTokens];
  repeat<0, kTokens>([&](auto t) INLINE_BODY { acc[t] = zero(); });
  const std::byte* super = task.panels + static_cast<std::size_t>(panel) * task.panel_stride;
  Q8Column x{task.input + static_cast<std::size_t>(token) * task.input_stride, task.input_stride};
  std::int64_t blocks = q8_blocks(task.columns);
  while (blocks > 0) {
    const std::byte* header = super + kTraits.super_header_bytes;
    const std::int64_t here = blocks < kTraits.blocks_per_super ? blocks : kTraits.blocks_per_super;
    for (std::int64_t i = 0; i < here; ++i) {
      // While a panel is computed with, the next one comes in; one token alone waits for memory
      // anyway.
      if constexpr (kTokens > 1) {
        for (int line = 0; line < kTraits.block_bytes(); line += 64)
          __builtin_prefetch(header + task.panel_stride + line);
      }
      add_block<kFormat>(super, header, x, acc);
      header += kTraits.block_bytes();
      x.first += sizeof(Q8Block);
    }
    super += kTraits.super_bytes();
    blocks -= here;
  }
  repeat<0, kTokens>([&](auto t) INLINE_BODY { finish(task, panel, token + t, acc[t]); });
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

template <PanelFormat kFormat>
struct IntegerTiles {
  template <int kTokens>
  static void run(const LinearTask& task, std::int64_t panel, std::int64_t token) {
    integer_tile<kFormat, kTokens>(task, panel, token);
  }
};

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
    for (; panel + kPanels <= panel_end; panel += kPanels)
      panel_by_tokens<FloatTiles<kFormat, kPanels>>(task, panel, token_begin, token_end);
    for (; panel < panel_end; ++panel)
      panel_by_tokens<FloatTiles<kFormat, 1>>(task, panel, token_begin, token_end);
  } else {
    for (; panel < panel_end; ++panel)
      panel_by_tokens<IntegerTiles<kFormat>>(task, panel, token_begin, token_end);
  }
}
