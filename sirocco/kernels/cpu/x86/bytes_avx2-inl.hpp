// Panels of quants in the tiers of 256-bit registers, and their dot products: with VNNI in one
// instruction, or over 16-bit pairs without. A fragment (see ../README.md).

/// Four consecutive k of 16 rows, a byte each.
struct Bytes64 {
  __m256i lo, hi;
};

INLINE Bytes64 load_bytes(const std::byte* from) {
  const auto* halves = reinterpret_cast<const __m256i*>(from);
  return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}
INLINE Bytes64 all_bytes(int x) {
  const __m256i bytes = _mm256_set1_epi8(static_cast<char>(x));
  return {bytes, bytes};
}
/// The same four activations for every row.
INLINE Bytes64 broadcast_bytes(const std::int8_t* from) {
  std::int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  const __m256i bytes = _mm256_set1_epi32(four);
  return {bytes, bytes};
}
/// table[i] for each byte i of 0 … 15.
INLINE Bytes64 look_up(I8x16 table, Bytes64 indices) {
  const __m256i both = _mm256_broadcastsi128_si256(table.v);
  return {_mm256_shuffle_epi8(both, indices.lo), _mm256_shuffle_epi8(both, indices.hi)};
}
INLINE Bytes64 operator&(Bytes64 a, Bytes64 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
INLINE Bytes64 operator|(Bytes64 a, Bytes64 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
/// Shifts by `kBy` bits to the left, or by -kBy to the right; bits cross bytes.
template <int kBy>
INLINE Bytes64 shift_bits(Bytes64 a) {
  if constexpr (kBy > 0) return {_mm256_slli_epi16(a.lo, kBy), _mm256_slli_epi16(a.hi, kBy)};
  if constexpr (kBy < 0) return {_mm256_srli_epi16(a.lo, -kBy), _mm256_srli_epi16(a.hi, -kBy)};
  return a;
}

#if defined(__AVXVNNI__) || defined(__AVX512VNNI__)

constexpr bool kHalvesInTurn = false;
constexpr bool kDotIsOneInstruction = true;

/// sum + the four products of bytes in each lane, unsigned ones with signed ones.
INLINE __m256i dot_in_lanes(__m256i sum, __m256i weights, __m256i activations) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sum, weights, activations);
#else
  return _mm256_dpbusd_epi32(sum, weights, activations);
#endif
}

/// The running dot product of a block's quants of `kBits` bits with activations.
template <int kBits>
struct Dot {
  I32x16 sum;
  INLINE static Dot from(I32x16 start) { return {start}; }
  INLINE void add([[maybe_unused]] int group, Bytes64 weights, Bytes64 activations) {
    sum.lo = dot_in_lanes(sum.lo, weights.lo, activations.lo);
    sum.hi = dot_in_lanes(sum.hi, weights.hi, activations.hi);
  }
};

#else

// The sums of words of a tile of several tokens fill the registers with eight rows.
constexpr bool kHalvesInTurn = true;
constexpr bool kDotIsOneInstruction = false;

/// words + the products of pairs of bytes, from the first of `kSums` groups on.
template <int kSums>
INLINE __m256i add_pairs(int group, __m256i words, __m256i weights, __m256i activations) {
  const __m256i pairs = _mm256_maddubs_epi16(weights, activations);
  return group % kSums == 0 ? pairs : _mm256_add_epi16(words, pairs);
}
/// sum + factor · the words of each lane.
INLINE __m256i add_words(__m256i sum, __m256i words, int factor) {
  return _mm256_add_epi32(
      sum, _mm256_madd_epi16(words, _mm256_set1_epi16(static_cast<std::int16_t>(factor))));
}

/// The running dot product of a block's quants of `kBits` bits with activations, for eight rows.
/// Sums of two products fit 16 bits; how many of them may be added up before they are widened is a
/// matter of the quants' range: 8 · 2 · 15 · 127, 4 · 2 · 31 · 127 and 2 · 2 · 63 · 127 are below
/// 2^15.
template <int kBits>
struct HalfDot {
  static constexpr int kSums = kBits == 4 ? 8 : kBits == 5 ? 4 : 2;
  __m256i words;
  INLINE void add(int group, __m256i& sum, __m256i weights, __m256i activations) {
    words = add_pairs<kSums>(group, words, weights, activations);
    if (group % kSums == kSums - 1) sum = add_words(sum, words, 1);
  }
};
/// Bytes are two digits of four bits, each with sums of its own.
template <>
struct HalfDot<8> {
  __m256i low, high;
  INLINE void add(int group, __m256i& sum, __m256i weights, __m256i activations) {
    const __m256i digit = _mm256_set1_epi8(15);
    low = add_pairs<8>(group, low, _mm256_and_si256(weights, digit), activations);
    high = add_pairs<8>(group, high, _mm256_and_si256(_mm256_srli_epi16(weights, 4), digit),
                        activations);
    if (group == 7) sum = add_words(add_words(sum, low, 1), high, 16);
  }
};

template <int kBits>
struct Dot {
  I32x16 sum;
  HalfDot<kBits> halves[2];
  INLINE static Dot from(I32x16 start) { return {start, {}}; }
  INLINE void add(int group, Bytes64 weights, Bytes64 activations) {
    add_half<0>(group, weights, activations);
    add_half<1>(group, weights, activations);
  }
  template <int kHalf>
  INLINE void add_half(int group, Bytes64 weights, Bytes64 activations) {
    if constexpr (kHalf == 0) {
      halves[0].add(group, sum.lo, weights.lo, activations.lo);
    } else {
      halves[1].add(group, sum.hi, weights.hi, activations.hi);
    }
  }
};

#endif
