#pragma once

#include <cstdint>
#include <limits>

/// What the CPU ops compute, to the last bit. `ref/` follows this text in plain loops, the tiers in
/// vectors of 16 lanes, and tests compare them with memcmp. The bits of NaNs are not specified.
///
/// Notation: every operation rounds once, to nearest even; fma(a, b, c) is a·b + c rounded once.
/// max(a, b) is a > b ? a : b and min(a, b) is a < b ? a : b, which also says what they do with
/// NaN. Σ16 of an array: lane l first takes the elements l, l + 16, l + 32 … in order, then
/// tree(lane) = the sum over pairs at distance 8, then 4, 2, 1: lane[l] + lane[l + 8], ….
///
/// Functions
///   exp(x)   y = min(88.75, max(-104, x)) written so that NaN stays; n = y·log2(e) rounded to an
///            integer (by adding and subtracting 1.5·2^23); f = fma(n, -ln2_lo, fma(n, -ln2_hi,
///            y)); p = kExp(f), here and below in Horner form by fma; e = fma(p, f·f, f) + 1;
///            result (e · 2^(n >> 1)) · 2^(n - (n >> 1)).
///   exp2(x)  of x <= 0, less than 2^-100 is 2^-100: y = max(-100, x), n = y rounded to an integer
///   as
///            above, kExp2(y - n) · 2^n.
///   tanh(x)  a = |x|; below kTanhSplit: z = a·a, fma(kTanhSmall(z)·z, a, a); else
///            1 - 2 / (exp(a + a) + 1); the sign of x is put back.
///   erf(x)   a = |x|; below kErfSplit: fma(kErfSmall(a·a), a, a); else with a = min(a, 4):
///            1 - exp(kErfLarge(a)); the sign of x is put back.
///   sin, cos n = x·(2/π) rounded as above; r = x less n times π/2 in three parts, an fma each;
///            z = r·r; s = fma(kSin(z)·z, r, r); c = fma(kCos(z), z·z, fma(z, -0.5, 1)); n mod 4
///            picks one and its sign. Good to 1e-6 up to |x| of 2e6.
///   silu(x)  x / (1 + exp(-x))
///   gelu tanh, erf: (0.5·x) · (1 + tanh((√(2/π)·x) · fma(0.044715·x, x, 1))), with erf(√½·x)
///   quick gelu  x / (1 + exp(-(1.702·x)))
///   clamped swish  with g = min(7, gate) and u = max(-7, min(7, up)):
///            (g / (1 + exp(-(1.702·g)))) · (u + 1)
///
/// Rows
///   quantize a block of 32: amax = the largest |x|; if not amax >= kMinQ8Magnitude, scale and
///   quants
///            are 0; else scale = amax / 127, id = 127 / amax, quant = x·id clamped to ±127 (by max
///            with -127, then min with 127) and rounded to nearest even. A NaN, which amax passes
///            over, has the quant -127, and makes the scale NaN.
///   fine     of a row the blocks with the largest scales (of equal ones the first), in K order:
///            each quantizes fma(-scale, quant, x) of its block's values once more.
///   rms_norm q = Σ16 over fma(x, x, lane); r = 1 / sqrt(q / D + epsilon); out = (x·r)·weight.
///   layer_norm  mean = Σ16 over lane + x, / D; d = x - mean; q = Σ16 over fma(d, d, lane);
///            r = 1 / sqrt(q / D + epsilon); out = fma(d·r, weight, bias).
///   gate     activation(gate) · up.     activate  activation(x).
///   add      x + y·scale.     add_gated  x + y·gate.     soft_cap  cap · tanh(x / cap).
///   rotate   y0 = fma(x0, cos, -(x1·sin)); y1 = fma(x0, sin, x1·cos).
///   rotary_table  a = float(p)·f, p the position's number for the pair; cos(a)·m and sin(a)·m.
///   softmax  m = the largest; e = exp(x - m); e / Σ16 over e.     sigmoid  1 / (1 + exp(-x))
///   combine  acc = fma(weight, x, acc) over the slots in order, from 0.
///   embed    decode_panel_row, then one product by the scale.
///   f32 to f16 rounds to nearest even; what is too large becomes infinity.
///   a cache of kQ8_0 keeps, of each 32 elements of a key or value, the scale amax / 127 as f16 and
///   quants x / scale clamped to ±127 (by max with -127, then min with 127) and rounded to nearest
///   even, all 0 where the scale rounds to 0. A NaN makes the scale NaN. What is read is
///   quant·scale.
///
/// linear: a lane is an output row; K in order. For float panels acc = fma(w, x, acc), from 0;
///   kBF16 in the tier avx512bf16 takes two k at a time, both factors in bf16: x is rounded to
///   nearest even, acc = fma(w[k + 1], x[k + 1], acc), acc = fma(w[k], x[k], acc), and a denormal
///   that goes in or comes out anywhere is a zero of its sign; behind an odd last k stand zeros.
///   For integer panels, block by block of 32, with a and a_s the block's quants and scale, `sum`
///   of its quants, and isum = Σ v·a, exact, over v = q - bias or a table's value; 0 and 1 are the
///   halves of a block. By PanelScaling:
///     Scale, PowerOfTwo  acc = fma(float(isum), d·a_s, acc), with 2^(e - 128) for d
///     ScaleMin  … and then acc = fma(m, a_s·float(sum), acc)
///     Super     acc = fma(float(isum), (d·float(s))·a_s, acc)
///     SuperMin  … and then acc = fma(-(dmin·float(t)), a_s·float(sum), acc)
///     SuperHalves  isum = s0·isum0 + s1·isum1, exact; acc = fma(float(isum), d·a_s, acc)
///     SuperHalvesMin  … and then acc = fma(float(t0·sum0 + t1·sum1), -dmin·a_s, acc)
///   A row's fine blocks have an accumulator of their own, from 0, where each is multiplied in the
///   same way with the weights of the block that it belongs to; then acc + theirs. In the end
///   acc + bias where there is one.
///
/// routing: of the scores (with their bias added, where there is one) the largest is chosen first,
///   NaN before all others, of equal ones the lowest number; a group's score is the sum of its best
///   ones from the largest down. Weights, when normalized, are divided by their sum in slot order
///   (not by one that isn't positive), then multiplied with the scale.
///
/// attention, for one query row and head, over the positions [lo, hi) that its mask shows:
///   Positions are cut at multiples of kSpanPositions into spans, these at multiples of
///   kTilePositions into tiles. A tile or span without visible positions is left out. Weights are
///   powers of two: factor = scale·kLog2E turns scores into exponents. A span starts from M = -inf,
///   16 lanes l = 0, acc = 0, and takes its tiles in order:
///     s_j = fma over e in order of q[e]·K[j][e], from 0. Where scores are soft-capped or biased,
///     factor = kLog2E and s_j becomes s_j · scale; then, with a cap, cap · tanh(s_j / cap); then,
///     with slopes, fma(-slope, |j - position|, s_j)
///     M' = max(M, the largest s_j · factor); c = exp2(M - M'); p_j = exp2(fma(s_j, factor, -M')),
///     0 where not visible
///     l[i] = fma(l[i], c, ((p[i] + p[i + 16]) + p[i + 32]) + p[i + 48]); acc = acc·c, then for
///     visible j in order acc[d] = fma(p_j, V[j][d], acc[d])
///   Spans A, B are merged from left to right: M = max(MA, MB), a = exp2(MA - M), b = exp2(MB - M),
///     l = fma(lB, b, lA·a), acc = fma(accB, b, accA·a).   out = acc · (1 / tree(l)), or with a
///     sink for the head, S = sink·kLog2E, N = max(M, S), w = exp2(M - N):
///     out = acc · (w · (1 / fma(tree(l), w, exp2(S - N)))).
///
/// Pictures
///   moments  of a channel in each segment of kSegmentPixels pixels (the last has what is left):
///            mean = Σ x in order, from 0, / count; q = fma(d, d, q) in order, from 0, d = x -
///            mean.
///   group_factors  over the segments in order, and in each the group's channels in order, in
///   double:
///            total += count·mean; mean = total / n; then s += q + count·d·d, where d is the
///            channel's mean - mean. f0 = float(1 / sqrt(s / n + epsilon))·weight, f1 = float(bias
///            - mean·f0).
///   scale_channels  y = fma(x, f0, f1), then silu(y) where wanted.
///   draw     fma(exp(0.5·min(20, max(-30, logvar))), noise, mean).
///
/// convolve  as in Winograd's F(4 x 4, 3 x 3) (Lavin & Gray 2016), over the points 0, ±a, ±b and
///   infinity, a = 5/8, b = 3/2, which round least of those that were tried. Tiles of 4 x 4 outputs
///   begin at (0, 0); what a tile reads beyond edges is 0. Each transform works on columns first,
///   then on rows; of six, four or three numbers:
///     filter  u0 = g0·kOverZero; s = fma(a², g2, g0), u1 = fma(a, g1, s)·kOverA,
///             u2 = fma(-a, g1, s)·kOverA; u3, u4 the same with b and kOverB; u5 = g2
///     input   v0 = fma(a²b², d0, fma(-(a² + b²), d2, d4)), v5 = fma(a²b², d1, fma(-(a² + b²), d3,
///             d5)); e = fma(-b², d2, d4), o = fma(-b², d1, d3), v1 = fma(a, o, e), v2 = fma(-a, o,
///             e); e = fma(-a², d2, d4), o = fma(-a², d1, d3), v3 = fma(b, o, e), v4 = fma(-b, o,
///             e)
///     output  with s = m1 + m2, d = m1 - m2, t = m3 + m4, e = m3 - m4: (m0 + s) + t,
///             fma(b, e, a·d), fma(b², t, a²·s), fma(b³, e, fma(a³, d, m5))
///   Between them, for each of the 36 places, linear with float panels; in the end out + bias, then
///   + added. Halved, it is linear over the nine pixels and their channels.
namespace sirocco::numerics {

inline constexpr int kLanes = 16;
inline constexpr int kTilePositions = 64;   ///< of one step of the online softmax
inline constexpr int kSpanPositions = 256;  ///< computed on their own, then merged

/// Adding and subtracting it rounds |x| < 2^22 to an integer, which then stands in the low bits.
inline constexpr float kRounder = 0x1.8p23f;

// Minimax polynomials, lowest power first.
inline constexpr float kMinExp = -104.0f;
inline constexpr float kMaxExp = 88.75f;
inline constexpr float kLog2E = 0x1.715476p+0f;
inline constexpr float kLn2High = 0x1.62e43p-1f;
inline constexpr float kLn2Low = -0x1.05c61p-29f;
/// (exp(f) - 1 - f) / f² for |f| <= ln(2) / 2; relative to exp 3e-9.
inline constexpr float kExp[] = {0x1p-1f, 0x1.55548ep-3f, 0x1.55545ep-5f, 0x1.123b56p-7f,
                                 0x1.6db428p-10f};
inline constexpr float kMinExp2 = -100.0f;
/// 2^f for |f| <= 1/2, 1 at 0; relative error 6e-9. Made by tools/fit_exp2.py.
inline constexpr float kExp2[] = {1.0f,           0x1.62e432p-1f,  0x1.ebfbe6p-3f, 0x1.c6ada6p-5f,
                                  0x1.3b21c6p-7f, 0x1.5fc00ap-10f, 0x1.4bc7b4p-13f};
inline constexpr float kTanhSplit = 0.6f;
/// (tanh(x) - x) / x³ over x² <= 0.36.
inline constexpr float kTanhSmall[] = {-0x1.55553ep-2f, 0x1.1109dcp-3f, -0x1.b89edap-5f,
                                       0x1.54e018p-6f, -0x1.830bfap-8f};
inline constexpr float kErfSplit = 0.9f;
/// erf(x) / x - 1 over x² <= 0.81.
inline constexpr float kErfSmall[] = {0x1.06eba8p-3f,  -0x1.812744p-2f, 0x1.ce2e6p-4f,
                                      -0x1.b8162ap-6f, 0x1.5513f2p-8f,  -0x1.acf7f6p-11f,
                                      0x1.66251p-14f};
/// log(1 - erf(x)) over 0.88 <= x <= 4.
inline constexpr float kErfLarge[] = {0x1.5a0cap-13f,  -0x1.2124d2p+0f, -0x1.445284p-1f,
                                      -0x1.bb15a2p-4f, 0x1.9a703cp-6f,  -0x1.0fa6b4p-8f,
                                      0x1.c1ede4p-12f, -0x1.5a1a44p-16f};
inline constexpr float kMaxErf = 4.0f;
inline constexpr float kTwoOverPi = 0x1.45f306p-1f;
inline constexpr float kHalfPi[] = {0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f};
/// (sin(r) - r) / r³ and (cos(r) - 1 + r²/2) / r⁴ over r² for |r| <= π / 4.
inline constexpr float kSin[] = {-0x1.555546p-3f, 0x1.110756p-7f, -0x1.994b4p-13f};
inline constexpr float kCos[] = {0x1.55554ap-5f, -0x1.6c0c82p-10f, 0x1.99ff3ep-16f};
inline constexpr float kSqrt2OverPi = 0x1.988454p-1f;
inline constexpr float kSqrtHalf = 0x1.6a09e6p-1f;
inline constexpr float kGeluCubic = 0.044715f;
inline constexpr float kSwishSlope = 1.702f;
inline constexpr float kSwishLimit = 7.0f;

inline constexpr int kSegmentPixels = 64;
// Of convolutions: a and b with their powers, exact, and what filters are divided by.
inline constexpr int kFilterSide = 3;
inline constexpr int kTileSide = 4;                              ///< of outputs
inline constexpr int kTileInputs = kTileSide + kFilterSide - 1;  ///< a side
inline constexpr int kPlaces = kTileInputs * kTileInputs;
inline constexpr float kA = 0.625f;
inline constexpr float kB = 1.5f;
inline constexpr float kA2 = kA * kA;
inline constexpr float kB2 = kB * kB;
inline constexpr float kA3 = kA2 * kA;
inline constexpr float kB3 = kB2 * kB;
inline constexpr float kSum2 = kA2 + kB2;
inline constexpr float kProduct2 = kA2 * kB2;
inline constexpr float kOverZero = 1.0f / kProduct2;
inline constexpr float kOverA = 1.0f / (2.0f * kA2 * (kA2 - kB2));
inline constexpr float kOverB = 1.0f / (2.0f * kB2 * (kB2 - kA2));

/// Blocks whose largest magnitude is below this are zero: 127 / amax must stay finite.
inline constexpr float kMinQ8Magnitude = 1e-35f;

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

}  // namespace sirocco::numerics
