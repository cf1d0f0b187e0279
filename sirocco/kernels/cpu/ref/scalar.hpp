#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "sirocco/kernels/cpu/numerics.hpp"

/// The functions of numerics.hpp, one number at a time.
namespace sirocco::ref {

inline float max(float a, float b) { return a > b ? a : b; }
inline float min(float a, float b) { return a < b ? a : b; }

template <std::size_t N>
float horner(const float (&coefficients)[N], float x) {
  float sum = coefficients[N - 1];
  for (std::size_t i = N - 1; i-- > 0;) sum = std::fma(sum, x, coefficients[i]);
  return sum;
}

struct Rounded {
  float value;
  std::int32_t integer;
};

inline Rounded round_small(float x) {
  const float shifted = x + numerics::kRounder;
  return {shifted - numerics::kRounder,
          static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(shifted) -
                                    std::bit_cast<std::uint32_t>(numerics::kRounder))};
}

inline float power_of_two(std::int32_t exponent) {
  return std::bit_cast<float>((static_cast<std::uint32_t>(exponent) + 127u) << 23);
}

inline float exp(float x) {
  using namespace numerics;
  const float y = min(kMaxExp, max(kMinExp, x));
  const Rounded n = round_small(y * kLog2E);
  const float f = std::fma(n.value, -kLn2Low, std::fma(n.value, -kLn2High, y));
  const float e = std::fma(horner(kExp, f), f * f, f) + 1.0f;
  const std::int32_t half = n.integer >> 1;
  return (e * power_of_two(half)) * power_of_two(n.integer - half);
}

inline float exp2(float x) {
  using namespace numerics;
  const float y = max(kMinExp2, x);
  const Rounded n = round_small(y);
  const auto bits = std::bit_cast<std::uint32_t>(horner(kExp2, y - n.value));
  return std::bit_cast<float>(bits + (static_cast<std::uint32_t>(n.integer) << 23));
}

inline float tanh(float x) {
  using namespace numerics;
  const float a = std::fabs(x);
  if (a < kTanhSplit) {
    const float z = a * a;
    return std::copysign(std::fma(horner(kTanhSmall, z) * z, a, a), x);
  }
  return std::copysign(1.0f - 2.0f / (exp(a + a) + 1.0f), x);
}

inline float erf(float x) {
  using namespace numerics;
  const float a = std::fabs(x);
  if (a < kErfSplit) return std::copysign(std::fma(horner(kErfSmall, a * a), a, a), x);
  return std::copysign(1.0f - exp(horner(kErfLarge, min(kMaxErf, a))), x);
}

struct SinCos {
  float sin;
  float cos;
};

inline SinCos sin_cos(float x) {
  using namespace numerics;
  const Rounded n = round_small(x * kTwoOverPi);
  float r = x;
  for (const float part : kHalfPi) r = std::fma(n.value, -part, r);
  const float z = r * r;
  const float s = std::fma(horner(kSin, z) * z, r, r);
  const float c = std::fma(horner(kCos, z), z * z, std::fma(z, -0.5f, 1.0f));
  switch (n.integer & 3) {
    case 0:
      return {s, c};
    case 1:
      return {c, -s};
    case 2:
      return {-s, -c};
    default:
      return {-c, s};
  }
}

inline float silu(float x) { return x / (1.0f + exp(-x)); }
inline float gelu_tanh(float x) {
  using namespace numerics;
  const float inner = (kSqrt2OverPi * x) * std::fma(kGeluCubic * x, x, 1.0f);
  return (0.5f * x) * (1.0f + tanh(inner));
}
inline float gelu_erf(float x) { return (0.5f * x) * (1.0f + erf(numerics::kSqrtHalf * x)); }

inline float quick_gelu(float x) { return x / (1.0f + exp(-(numerics::kSwishSlope * x))); }
inline float relu(float x) { return max(0.0f, x); }

// Of a gate and the value beside it.
inline float silu(float gate, float up) { return silu(gate) * up; }
inline float gelu_tanh(float gate, float up) { return gelu_tanh(gate) * up; }
inline float gelu_erf(float gate, float up) { return gelu_erf(gate) * up; }
inline float relu(float gate, float up) { return relu(gate) * up; }
inline float clamped_swish(float gate, float up) {
  using namespace numerics;
  const float g = min(kSwishLimit, gate);
  const float u = max(-kSwishLimit, min(kSwishLimit, up));
  return (g / (1.0f + exp(-(kSwishSlope * g)))) * (u + 1.0f);
}

using Lanes = std::array<float, numerics::kLanes>;

inline float tree(Lanes lanes) {
  for (std::size_t distance = 8; distance > 0; distance /= 2)
    for (std::size_t i = 0; i < distance; ++i) lanes[i] = lanes[i] + lanes[i + distance];
  return lanes[0];
}

}  // namespace sirocco::ref
