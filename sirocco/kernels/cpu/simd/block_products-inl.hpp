// One block of a panel by one block of each token's activations: quants unpacked, dot products,
// scales. A fragment (see ../README.md) behind a tier's bytes.

/// Group `kGroup` of a block's quants.
template <int kBits, int kGroup>
INLINE Bytes64 unpack(const std::byte* quants) {
  if constexpr (kBits == 8) {
    return load_bytes(quants + 64 * kGroup);
  } else if constexpr (kBits <= 3) {
    const Bytes64 four = load_bytes(quants + 64 * (kGroup / 4));
    const Bytes64 low = shift_bits<-2 * (kGroup % 4)>(four) & all_bytes(0x03);
    if constexpr (kBits == 2) return low;
    const Bytes64 high = shift_bits<2 - kGroup>(load_bytes(quants + 128));
    return low | (high & all_bytes(0x04));
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

/// The bits of room that sums of quants need. Those of 2 and 3 bits take as much as those of 5:
/// sums of half a block must be whole. A table's values with the bias added are 4 to 28 or 1 to
/// 241.
constexpr int dot_bits(const PanelTraits& traits) {
  if (traits.table != nullptr) return traits.bias == 128 ? 8 : 5;
  return traits.bits <= 3 ? 5 : traits.bits;
}
template <PanelFormat kFormat>
constexpr int kDotBits = dot_bits(panel_traits(kFormat));

/// Group `kGroup` of a block's quants as a dot product takes them; those of a table as its values.
template <PanelFormat kFormat, int kGroup>
INLINE Bytes64 unpack_quants(const std::byte* quants) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  if constexpr (kTraits.table != nullptr) {
    return look_up(load_i8x16(kTraits.table) + kTraits.bias, unpack<4, kGroup>(quants));
  } else {
    return unpack<kTraits.bits, kGroup>(quants);
  }
}

/// One block of one token's activations, `stride` bytes from the next token's.
struct Q8Column {
  const std::byte* first;
  std::size_t stride;
  INLINE const Q8Block& operator[](int token) const {
    return *reinterpret_cast<const Q8Block*>(first + static_cast<std::size_t>(token) * stride);
  }
};

/// The same place in panels that stand `stride` bytes from each other.
struct PanelRow {
  const std::byte* first;
  std::size_t stride;
  INLINE const std::byte* operator[](int panel) const {
    return first + static_cast<std::size_t>(panel) * stride;
  }
  INLINE PanelRow operator+(std::size_t bytes) const { return {first + bytes, stride}; }
};

/// dots[p][t] += Σ quant · activation over the groups [kBegin, kEnd) of a block.
template <PanelFormat kFormat, int kBegin, int kEnd, int kPanels, int kTokens>
INLINE void add_dots(PanelRow quants, Q8Column x,
                     Dot<kDotBits<kFormat>> (&dots)[kPanels][kTokens]) {
  if constexpr (kManyRegisters && kPanels == 1) {
    Bytes64 weights[8];
    repeat<kBegin, kEnd>([&](auto g)
                             INLINE_BODY { weights[g] = unpack_quants<kFormat, g>(quants[0]); });
    repeat<0, kTokens>([&](auto t) INLINE_BODY {
      repeat<kBegin, kEnd>([&](auto g) INLINE_BODY {
        dots[0][t].add(g, weights[g], broadcast_bytes(x[t].quants + 4 * g));
      });
    });
  } else if constexpr (kHalvesInTurn && kTokens > 1) {
    static_assert(kPanels == 1);
    repeat<0, 2>([&](auto half) INLINE_BODY {
      // Activations are read anew for the second half: kept, they would take its registers.
      asm volatile("" : : : "memory");
      repeat<kBegin, kEnd>([&](auto g) INLINE_BODY {
        const Bytes64 weights = unpack_quants<kFormat, g>(quants[0]);
        repeat<0, kTokens>([&](auto t) INLINE_BODY {
          dots[0][t].template add_half<half>(g, weights, broadcast_bytes(x[t].quants + 4 * g));
        });
      });
    });
  } else {
    repeat<kBegin, kEnd>([&](auto g) INLINE_BODY {
      Bytes64 weights[kPanels];
      repeat<0, kPanels>([&](auto p)
                             INLINE_BODY { weights[p] = unpack_quants<kFormat, g>(quants[p]); });
      repeat<0, kTokens>([&](auto t) INLINE_BODY {
        const Bytes64 activations = broadcast_bytes(x[t].quants + 4 * g);
        repeat<0, kPanels>([&](auto p) INLINE_BODY { dots[p][t].add(g, weights[p], activations); });
      });
    });
  }
}

/// Σ (q - bias) · a of a block for each token, where the bias is one for all and has no scale
/// within the block.
template <PanelFormat kFormat, int kPanels, int kTokens>
INLINE void block_dots(PanelRow quants, Q8Column x, I32x16 (&sums)[kPanels][kTokens]) {
  constexpr int kBits = kDotBits<kFormat>;
  constexpr int kBias = panel_traits(kFormat).bias;
  Dot<kBits> dots[kPanels][kTokens];
  repeat<0, kTokens>([&](auto t) INLINE_BODY {
    I32x16 start = broadcast(std::int32_t{0});
    if constexpr (kBias != 0) {
      constexpr int kShift = kBias == 16 ? 1 : kBias == 128 ? 4 : 0;
      start = shift_left<kShift>(broadcast(x[t].minus_8_sum));
      static_assert(8 << kShift == kBias);
    }
    repeat<0, kPanels>([&](auto p) INLINE_BODY { dots[p][t] = Dot<kBits>::from(start); });
  });
  add_dots<kFormat, 0, 8>(quants, x, dots);
  repeat<0, kPanels>([&](auto p) INLINE_BODY {
    repeat<0, kTokens>([&](auto t) INLINE_BODY { sums[p][t] = dots[p][t].sum; });
  });
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

/// Two numbers of 16 bits a lane, as pair_dot takes them.
INLINE I32x16 pairs_of(I32x16 even, I32x16 odd) {
  return (even & broadcast(std::int32_t{0xFFFF})) | shift_left<16>(odd);
}

/// The scales of a block's two halves, and the factors of their minimums where they have some.
struct HalfScales {
  I32x16 s0, s1;
  I32x16 t;  ///< pairs
};
template <PanelFormat kFormat>
INLINE HalfScales half_scales(const std::byte* header) {
  if constexpr (panel_traits(kFormat).has_minimum()) {
    const I32x16 low = broadcast(std::int32_t{15});
    const I32x16 first = load_u8(header);
    const I32x16 second = load_u8(header + 16);
    return {first & low, second & low, pairs_of(shift_right<4>(first), shift_right<4>(second))};
  } else {
    return {load_i8(header), load_i8(header + 16), broadcast(std::int32_t{0})};
  }
}

INLINE I32x16 half_sums(const Q8Block& x) {
  std::int32_t both;
  __builtin_memcpy(&both, x.half_sums, sizeof both);
  return broadcast(both);
}

/// Σ s · (q - bias) · a of a block for each token, where its halves have scales of their own.
template <PanelFormat kFormat, int kTokens>
INLINE void scaled_dots(const std::byte* quants, const HalfScales& scales, Q8Column x,
                        I32x16 (&sums)[kTokens]) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  using HalfDot = Dot<kDotBits<kFormat>>;
  HalfDot low[1][kTokens];
  HalfDot high[1][kTokens];
  repeat<0, kTokens>([&](auto t) INLINE_BODY {
    low[0][t] = HalfDot::from(broadcast(std::int32_t{0}));
    high[0][t] = low[0][t];
  });
  add_dots<kFormat, 0, 4>({quants, 0}, x, low);
  add_dots<kFormat, 4, 8>({quants, 0}, x, high);
  const I32x16 pairs = pairs_of(scales.s0, scales.s1);
  repeat<0, kTokens>([&](auto t) INLINE_BODY {
    // The sums of 16 quants of three bits fit 16 bits: one multiplication for both.
    if constexpr (kTraits.bits <= 3) {
      sums[t] = pair_dot(pairs, pairs_of(low[0][t].sum, high[0][t].sum));
    } else {
      sums[t] = scales.s0 * low[0][t].sum + scales.s1 * high[0][t].sum;
    }
  });
  if constexpr (kTraits.bias != 0) {
    constexpr int kShift = kTraits.bias == 4 ? 2 : 5;
    static_assert(1 << kShift == kTraits.bias);
    const I32x16 biases = pairs_of(shift_left<kShift>(scales.s0), shift_left<kShift>(scales.s1));
    repeat<0, kTokens>([&](auto t)
                           INLINE_BODY { sums[t] = sums[t] - pair_dot(biases, half_sums(x[t])); });
  }
}

/// acc += one block's product, for each token, where its halves have scales of their own.
template <PanelFormat kFormat, int kTokens>
INLINE void add_halved_block(const std::byte* super, const std::byte* header, Q8Column x,
                             F32x16 (&acc)[kTokens]) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  const HalfScales scales = half_scales<kFormat>(header);
  I32x16 sums[kTokens];
  scaled_dots<kFormat>(header + kTraits.block_header_bytes, scales, x, sums);
  const F32x16 d = load_f16(super);
  repeat<0, kTokens>([&](auto t) INLINE_BODY {
    acc[t] = fma(to_float(sums[t]), d * broadcast(x[t].scale), acc[t]);
  });
  if constexpr (kTraits.has_minimum()) {
    const F32x16 dmin = -load_f16(super + 32);
    repeat<0, kTokens>([&](auto t) INLINE_BODY {
      const F32x16 minimum = to_float(pair_dot(scales.t, half_sums(x[t])));
      acc[t] = fma(minimum, dmin * broadcast(x[t].scale), acc[t]);
    });
  }
}

/// What a block's weights are multiplied with, and added, row by row.
template <PanelFormat kFormat>
struct BlockScales {
  INLINE BlockScales(const std::byte* super, const std::byte* header) : minimum(zero()) {
    constexpr PanelTraits kTraits = panel_traits(kFormat);
    constexpr PanelScaling kScaling = kTraits.scaling;
    if constexpr (kScaling == PanelScaling::kSuper) {
      scale = load_f16(super) * to_float(load_i8(header));
    } else if constexpr (kScaling == PanelScaling::kSuperMin) {
      scale = load_f16(super) * to_float(load_u8(header));
      minimum = -(load_f16(super + 32) * to_float(load_u8(header + 16)));
    } else if constexpr (kScaling == PanelScaling::kPowerOfTwo) {
      scale = half_powers_of_two(load_u8(header));
    } else {
      scale = load_f16(header);
      if constexpr (kTraits.has_minimum()) minimum = load_f16(header + 32);
    }
  }
  F32x16 scale, minimum;
};

/// acc += one block's product, for each panel and token. Several panels: of a format whose blocks
/// have one scale.
template <PanelFormat kFormat, int kPanels, int kTokens>
INLINE void add_block(PanelRow super, PanelRow header, Q8Column x,
                      F32x16 (&acc)[kPanels][kTokens]) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  if constexpr (kTraits.has_halves()) {
    static_assert(kPanels == 1);
    add_halved_block<kFormat>(super[0], header[0], x, acc[0]);
  } else {
    I32x16 sums[kPanels][kTokens];
    block_dots<kFormat>(header + kTraits.block_header_bytes, x, sums);
    repeat<0, kPanels>([&](auto p) INLINE_BODY {
      const BlockScales<kFormat> of(super[p], header[p]);
      repeat<0, kTokens>([&](auto t) INLINE_BODY {
        acc[p][t] = fma(to_float(sums[p][t]), of.scale * broadcast(x[t].scale), acc[p][t]);
        if constexpr (kTraits.has_minimum())
          acc[p][t] = fma(of.minimum, broadcast(x[t].scaled_sum), acc[p][t]);
      });
    });
  }
}
