// Panels of quants in the tiers of 256-bit registers, and their dot products: with VNNI in one
// instruction, or over 16-bit pairs without. Included by tier.cpp, like vec_*.hpp.

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
INLINE Bytes64 look_up(__m128i table, Bytes64 indices) {
  const __m256i both = _mm256_broadcastsi128_si256(table);
  return {_mm256_shuffle_epi8(both, indices.lo), _mm256_shuffle_epi8(both, indices.hi)};
}
INLINE Bytes64 operator&(Bytes64 a, Bytes64 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
INLINE Bytes64 operator|(Bytes64 a, Bytes64 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
INLINE Bytes64 operator^(Bytes64 a, Bytes64 b) {
  return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
}
/// Shifts by `kBy` bits to the left, or by -kBy to the right; bits cross bytes.
template <int kBy>
INLINE Bytes64 shift_bits(Bytes64 a) {
  if constexpr (kBy > 0) return {_mm256_slli_epi16(a.lo, kBy), _mm256_slli_epi16(a.hi, kBy)};
  if constexpr (kBy < 0) return {_mm256_srli_epi16(a.lo, -kBy), _mm256_srli_epi16(a.hi, -kBy)};
  return a;
}

#if defined(__AVXVNNI__) || defined(__AVX512VNNI__)

constexpr bool kSignedBytes = false;  // quants of 8 bits stay unsigned

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

constexpr bool kSignedBytes = true;  // quants of 8 bits become signed: see Dot

/// The running dot product of a block's quants of `kBits` bits with activations. Sums of two
/// products fit 16 bits; how many of them may be added up before they are widened is a matter of
/// the quants' range: 8 · 2 · 15 · 127, 4 · 2 · 31 · 127 and 2 · 2 · 63 · 127 are below 2^15, and
/// so is 2 · 128 · 127.
template <int kBits>
struct Dot {
  static constexpr int kSums = kBits == 4 ? 8 : kBits == 5 ? 4 : kBits == 6 ? 2 : 1;
  I32x16 sum;
  __m256i lo, hi;
  INLINE static Dot from(I32x16 start) {
    return {start, _mm256_setzero_si256(), _mm256_setzero_si256()};
  }
  INLINE void add([[maybe_unused]] int group, Bytes64 weights, Bytes64 activations) {
    add_half(group, sum.lo, lo, weights.lo, activations.lo);
    add_half(group, sum.hi, hi, weights.hi, activations.hi);
  }

 private:
  INLINE static void add_half(int group, __m256i& sum, __m256i& words, __m256i weights,
                              __m256i activations) {
    __m256i pairs;
    if constexpr (kBits == 8) {
      pairs =
          _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(activations, weights));
    } else {
      pairs = _mm256_maddubs_epi16(weights, activations);
    }
    words = group % kSums == 0 ? pairs : _mm256_add_epi16(words, pairs);
    if (group % kSums == kSums - 1)
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
  }
};

#endif
