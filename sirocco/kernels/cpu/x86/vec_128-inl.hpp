// Sixteen bytes, and single numbers: what the tiers of both register widths do in 128 bits.
// A fragment (see ../README.md).

/// 16 signed bytes, a lane each.
struct I8x16 {
  __m128i v;
};

INLINE I8x16 load_i8x16(const std::int8_t* from) {
  return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))};
}
INLINE void store(std::int8_t* to, I8x16 x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), x.v);
}
INLINE I8x16 operator+(I8x16 a, int b) {
  return {_mm_add_epi8(a.v, _mm_set1_epi8(static_cast<char>(b)))};
}
/// The sum of the lanes.
INLINE std::int32_t sum_of(I8x16 x) {
  // Biased to unsigned, eight bytes at a time.
  const __m128i biased = _mm_xor_si128(x.v, _mm_set1_epi8(-128));
  const __m128i sums = _mm_sad_epu8(biased, _mm_setzero_si128());
  return _mm_cvtsi128_si32(_mm_add_epi32(sums, _mm_srli_si128(sums, 8))) - 16 * 128;
}

INLINE float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
INLINE float f16_to_float(std::uint16_t bits) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

/// to[j][i] = from[i][j] of 4 by 4 floats in rows `from_stride` and `to_stride` floats apart; those
/// of `from` are aligned to 16 bytes.
INLINE void transpose_4x4(const float* from, std::int64_t from_stride, float* to,
                          std::int64_t to_stride) {
  __m128 a = _mm_load_ps(from);
  __m128 b = _mm_load_ps(from + from_stride);
  __m128 c = _mm_load_ps(from + 2 * from_stride);
  __m128 d = _mm_load_ps(from + 3 * from_stride);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(to, a);
  _mm_storeu_ps(to + to_stride, b);
  _mm_storeu_ps(to + 2 * to_stride, c);
  _mm_storeu_ps(to + 3 * to_stride, d);
}
