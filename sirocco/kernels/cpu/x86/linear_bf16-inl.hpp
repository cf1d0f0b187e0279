// Products with weights in bf16 where the CPU multiplies bf16 in pairs. A fragment (see
// ../README.md) behind simd/linear.

// k whose activations are rounded at a time: few, so that the CPU does it beside the products.
constexpr std::int64_t kRoundedTogether = 64;

/// Two consecutive k of 16 rows, a pair a row.
struct BF16Pairs {
  __m512i v;
};

/// clang 16 crashes on shuffles, by a constant or of one element, whose results it sees to be bf16:
/// it is not let see.
INLINE BF16Pairs pairs_of(__m512i shuffled) {
  asm("" : "+v"(shuffled));
  return {shuffled};
}
/// Where the elements of two rows of a panel go in pairs.
INLINE __m512i pair_order() {
  alignas(64) constexpr std::uint16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                    21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                    11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_load_si512(kOrder);
}
INLINE BF16Pairs load_pairs(const std::byte* from, __m512i order) {
  return pairs_of(_mm512_permutexvar_epi16(order, _mm512_loadu_si512(from)));
}
/// One k, and zeros for the next.
INLINE BF16Pairs load_last(const std::byte* from, __m512i order) {
  const __m256i row = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return pairs_of(_mm512_permutexvar_epi16(order, _mm512_zextsi256_si512(row)));
}
/// The same pair for every row.
INLINE BF16Pairs broadcast_pair(std::uint32_t pair) {
  return pairs_of(_mm512_set1_epi32(static_cast<std::int32_t>(pair)));
}
/// sum + both products, as numerics.hpp says.
INLINE F32x16 add_products(F32x16 sum, BF16Pairs a, BF16Pairs b) {
  return {
      _mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(a.v), reinterpret_cast<__m512bh>(b.v))};
}

/// x[0 … count) in bf16, filled up with zeros to a multiple of 32.
INLINE void round_to_bf16(const float* x, std::int64_t count, std::uint32_t* pairs) {
  const auto round = [&](std::int64_t k, F32x16 first, F32x16 second) INLINE_BODY {
    _mm512_store_si512(pairs + k / 2,
                       reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second.v, first.v)));
  };
  std::int64_t k = 0;
  for (; k + 32 <= count; k += 32) round(k, load(x + k), load(x + k + 16));
  if (k < count) round(k, load_first(x + k, count - k), load_first(x + k + 16, count - k - 16));
}

template <int kPanels, int kTokens>
INLINE void bf16_tile(const LinearTask& task, std::int64_t panel, std::int64_t token) {
  F32x16 acc[kPanels][kTokens];
  repeat<0, kPanels>([&](auto p) INLINE_BODY {
    repeat<0, kTokens>([&](auto t) INLINE_BODY { acc[p][t] = zero(); });
  });
  alignas(64) std::uint32_t x[kTokens][kRoundedTogether / 2];
  const std::byte* weights = task.panels + static_cast<std::size_t>(panel) * task.panel_stride;
  const std::byte* input = task.input + static_cast<std::size_t>(token) * task.input_stride;
  const __m512i order = pair_order();
  const auto add = [&](std::int64_t pair, auto load) INLINE_BODY {
    BF16Pairs w[kPanels];
    repeat<0, kPanels>([&](auto p)
                           INLINE_BODY { w[p] = load(weights + p * task.panel_stride, order); });
    repeat<0, kTokens>([&](auto t) INLINE_BODY {
      const BF16Pairs both = broadcast_pair(x[t][pair]);
      repeat<0, kPanels>([&](auto p)
                             INLINE_BODY { acc[p][t] = add_products(acc[p][t], w[p], both); });
    });
    weights += 2 * kPanelRows * sizeof(std::uint16_t);
  };
  for (std::int64_t k = 0; k < task.columns; k += kRoundedTogether) {
    const std::int64_t left = task.columns - k;
    const std::int64_t here = left < kRoundedTogether ? left : kRoundedTogether;
    repeat<0, kTokens>([&](auto t) INLINE_BODY {
      round_to_bf16(reinterpret_cast<const float*>(input + t * task.input_stride) + k, here, x[t]);
    });
    for (std::int64_t pair = 0; pair < here / 2; ++pair)
      add(pair, [](auto... from) INLINE_BODY { return load_pairs(from...); });
    if (here % 2 != 0) add(here / 2, [](auto... from) INLINE_BODY { return load_last(from...); });
  }
  repeat<0, kPanels>([&](auto p) INLINE_BODY {
    repeat<0, kTokens>([&](auto t) INLINE_BODY { finish(task, panel + p, token + t, acc[p][t]); });
  });
}

/// `kPanels` panels by all tokens, kMax of them at a time.
template <int kPanels, int kMax>
void bf16_panels(const LinearTask& task, std::int64_t panel, std::int64_t token,
                 std::int64_t token_end) {
  for (; token + kMax <= token_end; token += kMax) bf16_tile<kPanels, kMax>(task, panel, token);
  if (kMax > 4 && token + 4 <= token_end) {
    bf16_tile<kPanels, 4>(task, panel, token);
    token += 4;
  }
  if (token + 2 <= token_end) {
    bf16_tile<kPanels, 2>(task, panel, token);
    token += 2;
  }
  if (token < token_end) bf16_tile<kPanels, 1>(task, panel, token);
}

/// The product with kBF16. Several panels at once round each token once; four by six tokens are 24
/// sums in 32 registers.
void linear_bf16(const LinearTask& task, std::int64_t panel_begin, std::int64_t panel_end,
                 std::int64_t token_begin, std::int64_t token_end) noexcept {
  std::int64_t panel = panel_begin;
  for (; panel + 4 <= panel_end; panel += 4) bf16_panels<4, 6>(task, panel, token_begin, token_end);
  if (panel + 2 <= panel_end) {
    bf16_panels<2, 8>(task, panel, token_begin, token_end);
    panel += 2;
  }
  if (panel < panel_end) bf16_panels<1, 8>(task, panel, token_begin, token_end);
}
