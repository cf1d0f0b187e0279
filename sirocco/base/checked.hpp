#pragma once

#include <concepts>
#include <optional>

namespace sirocco {

/// a + b, or nothing where the type can't hold it. For sizes and offsets that come from a file.
template <std::unsigned_integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T sum{};
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

/// a * b, or nothing where the type can't hold it.
template <std::unsigned_integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T product{};
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// The smallest multiple of `step` that is at least `value`, or nothing where the type can't hold
/// it. `step` > 0.
template <std::unsigned_integral T>
constexpr std::optional<T> checked_round_up(T value, T step) {
  const T rest = value % step;
  return rest == 0 ? std::optional<T>(value) : checked_add<T>(value, step - rest);
}

/// Division rounded up, for counts of our own (blocks, panels, tiles). `b` > 0 and the sum must
/// fit.
template <std::integral T>
constexpr T ceil_div(T a, T b) {
  return (a + b - 1) / b;
}

}  // namespace sirocco
