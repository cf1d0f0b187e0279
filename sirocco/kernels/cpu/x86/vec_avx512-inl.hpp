// The 16-lane vectors of the AVX-512 tiers. A fragment (see ../README.md).

/// 16 floats, a lane each.
struct F32x16 {
  __m512 v;
};
struct I32x16 {
  __m512i v;
};
/// A choice of lanes.
struct Mask16 {
  __mmask16 m;
};

constexpr bool kManyRegisters = true;  // 32 of them, a vector in each

INLINE F32x16 zero() { return {_mm512_setzero_ps()}; }
INLINE F32x16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
INLINE I32x16 broadcast(std::int32_t x) { return {_mm512_set1_epi32(x)}; }

INLINE F32x16 load(const float* from) { return {_mm512_loadu_ps(from)}; }
INLINE F32x16 load(const std::uint16_t* f16) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(f16)))};
}
INLINE F32x16 load_bf16(const std::uint16_t* from) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
INLINE I32x16 load_u8(const std::byte* from) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))};
}
INLINE I32x16 load_i8(const std::byte* from) {
  return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))};
}
INLINE void store(float* to, F32x16 x) { _mm512_storeu_ps(to, x.v); }
INLINE __m256i to_f16(F32x16 x) {
  return _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE void store(std::uint16_t* f16, F32x16 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(f16), to_f16(x));
}

/// Lanes [begin, end); both may lie outside 0 … 16.
INLINE Mask16 lanes(std::int64_t begin, std::int64_t end) {
  const auto low = [](std::int64_t n) { return n <= 0 ? 0u : n >= 16 ? 0xFFFFu : (1u << n) - 1u; };
  return {static_cast<__mmask16>(low(end) & ~low(begin))};
}
/// The first `count` elements (0 to 16), and zeros.
INLINE F32x16 load_first(const float* from, std::int64_t count) {
  return {_mm512_maskz_loadu_ps(lanes(0, count).m, from)};
}
INLINE F32x16 load_first(const std::uint16_t* f16, std::int64_t count) {
  return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes(0, count).m, f16))};
}
INLINE void store_first(float* to, F32x16 x, std::int64_t count) {
  _mm512_mask_storeu_ps(to, lanes(0, count).m, x.v);
}
INLINE void store_first(std::uint16_t* f16, F32x16 x, std::int64_t count) {
  _mm256_mask_storeu_epi16(f16, lanes(0, count).m, to_f16(x));
}

INLINE F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
INLINE F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
INLINE F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
INLINE F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
INLINE F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
INLINE F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
INLINE F32x16 operator-(F32x16 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
INLINE F32x16 abs(F32x16 a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
INLINE F32x16 copysign(F32x16 size, F32x16 sign) {
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return {_mm512_or_ps(_mm512_andnot_ps(bit, size.v), _mm512_and_ps(bit, sign.v))};
}
INLINE Mask16 operator<(F32x16 a, F32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
/// Whether a lane of either is NaN.
INLINE bool any_nan(F32x16 a, F32x16 b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_UNORD_Q) != 0; }
INLINE F32x16 select(Mask16 mask, F32x16 a, F32x16 b) {
  return {_mm512_mask_blend_ps(mask.m, b.v, a.v)};
}

INLINE I32x16 operator+(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
INLINE I32x16 operator-(I32x16 a, I32x16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
INLINE I32x16 operator*(I32x16 a, I32x16 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
INLINE I32x16 operator&(I32x16 a, I32x16 b) { return {_mm512_and_si512(a.v, b.v)}; }
INLINE I32x16 operator|(I32x16 a, I32x16 b) { return {_mm512_or_si512(a.v, b.v)}; }
template <int kBy>
INLINE I32x16 shift_left(I32x16 a) {
  return {_mm512_slli_epi32(a.v, kBy)};
}
template <int kBy>
INLINE I32x16 shift_right(I32x16 a) {
  return {_mm512_srai_epi32(a.v, kBy)};
}
INLINE Mask16 nonzero(I32x16 a) { return {_mm512_test_epi32_mask(a.v, a.v)}; }
INLINE F32x16 to_float(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
INLINE I32x16 to_nearest(F32x16 a) { return {_mm512_cvtps_epi32(a.v)}; }
INLINE I32x16 bits_of(F32x16 a) { return {_mm512_castps_si512(a.v)}; }
INLINE F32x16 as_float(I32x16 a) { return {_mm512_castsi512_ps(a.v)}; }
/// a.even · b.even + a.odd · b.odd, over the signed halves of each lane.
INLINE I32x16 pair_dot(I32x16 a, I32x16 b) { return {_mm512_madd_epi16(a.v, b.v)}; }

INLINE float first_lane(F32x16 x) { return _mm512_cvtss_f32(x.v); }
/// Lane sums over distance 8, 4, 2, 1.
INLINE float tree(F32x16 x) {
  const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
INLINE float max_lane(F32x16 x) {
  const __m256 a = _mm256_max_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

/// Sixteen lanes of -127 … 127 to bytes.
INLINE I8x16 to_bytes(I32x16 a) { return {_mm512_cvtepi32_epi8(a.v)}; }
