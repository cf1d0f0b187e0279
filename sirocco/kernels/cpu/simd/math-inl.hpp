// The functions of numerics.hpp over 16 lanes. A fragment (see ../README.md).

template <const auto& kCoefficients>
INLINE F32x16 horner(F32x16 x) {
  constexpr int kCount = sizeof(kCoefficients) / sizeof(float);
  F32x16 sum = broadcast(kCoefficients[kCount - 1]);
#pragma GCC unroll 16
  for (int i = kCount - 2; i >= 0; --i) sum = fma(sum, x, broadcast(kCoefficients[i]));
  return sum;
}

struct Rounded {
  F32x16 value;
  I32x16 integer;
};

INLINE Rounded round_small(F32x16 x) {
  const F32x16 rounder = broadcast(numerics::kRounder);
  const F32x16 shifted = x + rounder;
  return {shifted - rounder, bits_of(shifted) - bits_of(rounder)};
}

INLINE F32x16 power_of_two(I32x16 exponent) {
  return as_float(shift_left<23>(exponent + broadcast(std::int32_t{127})));
}

INLINE F32x16 exp(F32x16 x) {
  using namespace numerics;
  const F32x16 y = min(broadcast(kMaxExp), max(broadcast(kMinExp), x));
  const Rounded n = round_small(y * broadcast(kLog2E));
  const F32x16 f = fma(n.value, broadcast(-kLn2Low), fma(n.value, broadcast(-kLn2High), y));
  const F32x16 e = fma(horner<kExp>(f), f * f, f) + broadcast(1.0f);
  const I32x16 half = shift_right<1>(n.integer);
  return (e * power_of_two(half)) * power_of_two(n.integer - half);
}

INLINE F32x16 exp2(F32x16 x) {
  using namespace numerics;
  const F32x16 y = max(broadcast(kMinExp2), x);
  const F32x16 shifted = y + broadcast(kRounder);
  const F32x16 fraction = y - (shifted - broadcast(kRounder));
  // Only the integer is left of the rounder's bits when they become an exponent.
  return as_float(bits_of(horner<kExp2>(fraction)) + shift_left<23>(bits_of(shifted)));
}

INLINE F32x16 tanh(F32x16 x) {
  using namespace numerics;
  const F32x16 a = abs(x);
  const F32x16 one = broadcast(1.0f);
  const F32x16 z = a * a;
  const F32x16 small = fma(horner<kTanhSmall>(z) * z, a, a);
  const F32x16 large = one - broadcast(2.0f) / (exp(a + a) + one);
  return copysign(select(a < broadcast(kTanhSplit), small, large), x);
}

INLINE F32x16 erf(F32x16 x) {
  using namespace numerics;
  const F32x16 a = abs(x);
  const F32x16 small = fma(horner<kErfSmall>(a * a), a, a);
  const F32x16 large = broadcast(1.0f) - exp(horner<kErfLarge>(min(broadcast(kMaxErf), a)));
  return copysign(select(a < broadcast(kErfSplit), small, large), x);
}

struct SinCos {
  F32x16 sin;
  F32x16 cos;
};

INLINE SinCos sin_cos(F32x16 x) {
  using namespace numerics;
  const Rounded n = round_small(x * broadcast(kTwoOverPi));
  F32x16 r = fma(n.value, broadcast(-kHalfPi[0]), x);
  r = fma(n.value, broadcast(-kHalfPi[1]), r);
  r = fma(n.value, broadcast(-kHalfPi[2]), r);
  const F32x16 z = r * r;
  const F32x16 s = fma(horner<kSin>(z) * z, r, r);
  const F32x16 c = fma(horner<kCos>(z), z * z, fma(z, broadcast(-0.5f), broadcast(1.0f)));
  // Quarter turns 1 and 3 swap the two; sin is negative in 2 and 3, cos in 1 and 2.
  const I32x16 one = broadcast(std::int32_t{1});
  const I32x16 two = broadcast(std::int32_t{2});
  const Mask16 swap = nonzero(n.integer & one);
  const Mask16 sin_negative = nonzero(n.integer & two);
  const Mask16 cos_negative = nonzero((n.integer + one) & two);
  const F32x16 sine = select(swap, c, s);
  const F32x16 cosine = select(swap, s, c);
  return {select(sin_negative, -sine, sine), select(cos_negative, -cosine, cosine)};
}

/// An activation whose result is multiplied with what stands beside the gate.
template <class Activation>
struct Gated {
  INLINE static F32x16 gate(F32x16 gate, F32x16 up) { return Activation::of(gate) * up; }
};

struct Silu : Gated<Silu> {
  INLINE static F32x16 of(F32x16 x) { return x / (broadcast(1.0f) + exp(-x)); }
};
struct GeluTanh : Gated<GeluTanh> {
  INLINE static F32x16 of(F32x16 x) {
    using namespace numerics;
    const F32x16 one = broadcast(1.0f);
    const F32x16 inner = (broadcast(kSqrt2OverPi) * x) * fma(broadcast(kGeluCubic) * x, x, one);
    return (broadcast(0.5f) * x) * (one + tanh(inner));
  }
};
struct GeluErf : Gated<GeluErf> {
  INLINE static F32x16 of(F32x16 x) {
    return (broadcast(0.5f) * x) * (broadcast(1.0f) + erf(broadcast(numerics::kSqrtHalf) * x));
  }
};
struct QuickGelu {
  INLINE static F32x16 of(F32x16 x) {
    return x / (broadcast(1.0f) + exp(-(broadcast(numerics::kSwishSlope) * x)));
  }
};
struct Relu : Gated<Relu> {
  INLINE static F32x16 of(F32x16 x) { return max(zero(), x); }
};
struct ClampedSwish {
  INLINE static F32x16 gate(F32x16 gate, F32x16 up) {
    using namespace numerics;
    const F32x16 one = broadcast(1.0f);
    const F32x16 limit = broadcast(kSwishLimit);
    const F32x16 g = min(limit, gate);
    const F32x16 u = max(-limit, min(limit, up));
    return (g / (one + exp(-(broadcast(kSwishSlope) * g)))) * (u + one);
  }
};
