// The 16-lane vectors of the tiers of 256-bit registers, two registers each. A fragment (see
// ../README.md).

/// 16 floats, a lane each.
struct F32x16 {
  __m256 lo, hi;
};
struct I32x16 {
  __m256i lo, hi;
};
/// A choice of lanes: all bits of a lane, or none.
struct Mask16 {
  __m256i lo, hi;
};

constexpr bool kManyRegisters = false;  // 16 of them, half a vector in each

INLINE F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
INLINE F32x16 broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
INLINE I32x16 broadcast(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }

INLINE __m128i load_half(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
INLINE F32x16 load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
INLINE F32x16 load(const std::uint16_t* f16) {
  return {_mm256_cvtph_ps(load_half(f16)), _mm256_cvtph_ps(load_half(f16 + 8))};
}
INLINE F32x16 load_bf16(const std::uint16_t* from) {
  const __m256i lo = _mm256_cvtepu16_epi32(load_half(from));
  const __m256i hi = _mm256_cvtepu16_epi32(load_half(from + 8));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(lo, 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(hi, 16))};
}
INLINE I32x16 load_u8(const std::byte* from) {
  const __m128i bytes = load_half(from);
  return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}
INLINE I32x16 load_i8(const std::byte* from) {
  const __m128i bytes = load_half(from);
  return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))};
}
INLINE void store(float* to, F32x16 x) {
  _mm256_storeu_ps(to, x.lo);
  _mm256_storeu_ps(to + 8, x.hi);
}
INLINE void store(std::uint16_t* f16, F32x16 x) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(f16), _mm256_cvtps_ph(x.lo, kNearest));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(f16 + 8), _mm256_cvtps_ph(x.hi, kNearest));
}

/// Lanes [begin, end); both may lie outside 0 … 16.
INLINE Mask16 lanes(std::int64_t begin, std::int64_t end) {
  const __m256i first = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i second = _mm256_add_epi32(first, _mm256_set1_epi32(8));
  const auto clamp = [](std::int64_t n) { return static_cast<int>(n < 0 ? 0 : n > 16 ? 16 : n); };
  const __m256i before = _mm256_set1_epi32(clamp(begin) - 1);
  const __m256i after = _mm256_set1_epi32(clamp(end));
  return {_mm256_and_si256(_mm256_cmpgt_epi32(first, before), _mm256_cmpgt_epi32(after, first)),
          _mm256_and_si256(_mm256_cmpgt_epi32(second, before), _mm256_cmpgt_epi32(after, second))};
}
/// The first `count` elements (0 to 16), and zeros.
INLINE F32x16 load_first(const float* from, std::int64_t count) {
  const Mask16 mask = lanes(0, count);
  return {_mm256_maskload_ps(from, mask.lo), _mm256_maskload_ps(from + 8, mask.hi)};
}
INLINE F32x16 load_first(const std::uint16_t* f16, std::int64_t count) {
  alignas(32) std::uint16_t padded[16] = {};
  for (std::int64_t i = 0; i < count; ++i) padded[i] = f16[i];
  return load(padded);
}
INLINE void store_first(float* to, F32x16 x, std::int64_t count) {
  const Mask16 mask = lanes(0, count);
  _mm256_maskstore_ps(to, mask.lo, x.lo);
  _mm256_maskstore_ps(to + 8, mask.hi, x.hi);
}
INLINE void store_first(std::uint16_t* f16, F32x16 x, std::int64_t count) {
  alignas(32) std::uint16_t padded[16];
  store(padded, x);
  for (std::int64_t i = 0; i < count; ++i) f16[i] = padded[i];
}

INLINE F32x16 operator+(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
INLINE F32x16 operator-(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
INLINE F32x16 operator*(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
INLINE F32x16 operator/(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
INLINE F32x16 max(F32x16 a, F32x16 b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
INLINE F32x16 min(F32x16 a, F32x16 b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
INLINE F32x16 operator-(F32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(a.lo, sign), _mm256_xor_ps(a.hi, sign)};
}
INLINE F32x16 abs(F32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
INLINE F32x16 copysign(F32x16 size, F32x16 sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return {_mm256_or_ps(_mm256_andnot_ps(bit, size.lo), _mm256_and_ps(bit, sign.lo)),
          _mm256_or_ps(_mm256_andnot_ps(bit, size.hi), _mm256_and_ps(bit, sign.hi))};
}
INLINE Mask16 operator<(F32x16 a, F32x16 b) {
  return {_mm256_castps_si256(_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
          _mm256_castps_si256(_mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
}
/// Whether a lane of either is NaN.
INLINE bool any_nan(F32x16 a, F32x16 b) {
  return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_UNORD_Q),
                                         _mm256_cmp_ps(a.hi, b.hi, _CMP_UNORD_Q))) != 0;
}
INLINE F32x16 select(Mask16 mask, F32x16 a, F32x16 b) {
  return {_mm256_blendv_ps(b.lo, a.lo, _mm256_castsi256_ps(mask.lo)),
          _mm256_blendv_ps(b.hi, a.hi, _mm256_castsi256_ps(mask.hi))};
}

INLINE I32x16 operator+(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
INLINE I32x16 operator-(I32x16 a, I32x16 b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}
INLINE I32x16 operator*(I32x16 a, I32x16 b) {
  return {_mm256_mullo_epi32(a.lo, b.lo), _mm256_mullo_epi32(a.hi, b.hi)};
}
INLINE I32x16 operator&(I32x16 a, I32x16 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
INLINE I32x16 operator|(I32x16 a, I32x16 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
template <int kBy>
INLINE I32x16 shift_left(I32x16 a) {
  return {_mm256_slli_epi32(a.lo, kBy), _mm256_slli_epi32(a.hi, kBy)};
}
template <int kBy>
INLINE I32x16 shift_right(I32x16 a) {
  return {_mm256_srai_epi32(a.lo, kBy), _mm256_srai_epi32(a.hi, kBy)};
}
INLINE Mask16 nonzero(I32x16 a) {
  const __m256i none = _mm256_setzero_si256();
  const __m256i all = _mm256_set1_epi32(-1);
  return {_mm256_xor_si256(_mm256_cmpeq_epi32(a.lo, none), all),
          _mm256_xor_si256(_mm256_cmpeq_epi32(a.hi, none), all)};
}
INLINE F32x16 to_float(I32x16 a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
INLINE I32x16 to_nearest(F32x16 a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }
INLINE I32x16 bits_of(F32x16 a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
INLINE F32x16 as_float(I32x16 a) { return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)}; }
/// a.even · b.even + a.odd · b.odd, over the signed halves of each lane.
INLINE I32x16 pair_dot(I32x16 a, I32x16 b) {
  return {_mm256_madd_epi16(a.lo, b.lo), _mm256_madd_epi16(a.hi, b.hi)};
}

INLINE float first_lane(F32x16 x) { return _mm256_cvtss_f32(x.lo); }
/// Lane sums over distance 8, 4, 2, 1.
INLINE float tree(F32x16 x) {
  const __m256 a = _mm256_add_ps(x.lo, x.hi);
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
INLINE float max_lane(F32x16 x) {
  const __m256 a = _mm256_max_ps(x.lo, x.hi);
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

/// Sixteen lanes of -127 … 127 to bytes.
INLINE I8x16 to_bytes(I32x16 a) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.lo, a.hi), 0xD8);
  return {_mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1))};
}
