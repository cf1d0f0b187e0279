// Panels of quants in the AVX-512 tiers, and their dot products: with VNNI in one instruction, or
// over 16-bit pairs without. A fragment (see ../README.md).

/// Four consecutive k of 16 rows, a byte each.
struct Bytes64 {
  __m512i v;
};

INLINE Bytes64 load_bytes(const std::byte* from) { return {_mm512_loadu_si512(from)}; }
INLINE Bytes64 all_bytes(int x) { return {_mm512_set1_epi8(static_cast<char>(x))}; }
/// The same four activations for every row.
INLINE Bytes64 broadcast_bytes(const std::int8_t* from) {
  std::int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return {_mm512_set1_epi32(four)};
}
/// table[i] for each byte i of 0 … 15.
INLINE Bytes64 look_up(I8x16 table, Bytes64 indices) {
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table.v), indices.v)};
}
INLINE Bytes64 operator&(Bytes64 a, Bytes64 b) { return {_mm512_and_si512(a.v, b.v)}; }
INLINE Bytes64 operator|(Bytes64 a, Bytes64 b) { return {_mm512_or_si512(a.v, b.v)}; }
/// Shifts by `kBy` bits to the left, or by -kBy to the right; bits cross bytes.
template <int kBy>
INLINE Bytes64 shift_bits(Bytes64 a) {
  if constexpr (kBy > 0) return {_mm512_slli_epi16(a.v, kBy)};
  if constexpr (kBy < 0) return {_mm512_srli_epi16(a.v, -kBy)};
  return a;
}

constexpr bool kHalvesInTurn = false;  // a register has all of them

#if defined(__AVX512VNNI__)

constexpr bool kDotIsOneInstruction = true;

/// The running dot product of a block's quants of `kBits` bits with activations.
template <int kBits>
struct Dot {
  I32x16 sum;
  INLINE static Dot from(I32x16 start) { return {start}; }
  INLINE void add([[maybe_unused]] int group, Bytes64 weights, Bytes64 activations) {
    sum.v = _mm512_dpbusd_epi32(sum.v, weights.v, activations.v);
  }
};

#else

constexpr bool kDotIsOneInstruction = false;

/// words + the products of pairs of bytes, from the first of `kSums` groups on.
template <int kSums>
INLINE __m512i add_pairs(int group, __m512i words, __m512i weights, __m512i activations) {
  const __m512i pairs = _mm512_maddubs_epi16(weights, activations);
  return group % kSums == 0 ? pairs : _mm512_add_epi16(words, pairs);
}
/// sum + factor · the words of each lane.
INLINE __m512i add_words(__m512i sum, __m512i words, int factor) {
  return _mm512_add_epi32(
      sum, _mm512_madd_epi16(words, _mm512_set1_epi16(static_cast<std::int16_t>(factor))));
}

/// The running dot product. Sums of two products fit 16 bits; how many of them may be added up
/// before they are widened is a matter of the quants' range: 8 · 2 · 15 · 127, 4 · 2 · 31 · 127 and
/// 2 · 2 · 63 · 127 are below 2^15.
template <int kBits>
struct Dot {
  static constexpr int kSums = kBits == 4 ? 8 : kBits == 5 ? 4 : 2;
  I32x16 sum;
  __m512i words;
  INLINE static Dot from(I32x16 start) { return {start, _mm512_setzero_si512()}; }
  INLINE void add(int group, Bytes64 weights, Bytes64 activations) {
    words = add_pairs<kSums>(group, words, weights.v, activations.v);
    if (group % kSums == kSums - 1) sum.v = add_words(sum.v, words, 1);
  }
};
/// Bytes are two digits of four bits, each with sums of its own.
template <>
struct Dot<8> {
  I32x16 sum;
  __m512i low, high;
  INLINE static Dot from(I32x16 start) {
    return {start, _mm512_setzero_si512(), _mm512_setzero_si512()};
  }
  INLINE void add(int group, Bytes64 weights, Bytes64 activations) {
    const __m512i digit = _mm512_set1_epi8(15);
    low = add_pairs<8>(group, low, _mm512_and_si512(weights.v, digit), activations.v);
    high = add_pairs<8>(group, high, _mm512_and_si512(_mm512_srli_epi16(weights.v, 4), digit),
                        activations.v);
    if (group == 7) sum.v = add_words(add_words(sum.v, low, 1), high, 16);
  }
};

#endif
