#pragma once

#include <cstdint>
#include <string>

#include "sirocco/jinja/value.hpp"

/// Numbers in digits, for both of Python's ways to format.
namespace sirocco::jinja {

/// Widths and precisions beyond this are refused.
inline constexpr std::int64_t kMaxField = 100000;

/// |value| to the base 2, 8, 10 or 16.
std::string digits_of(Int value, int base, bool upper);

/// |value| in C's notation `letter` (e, f, g and their capitals).
std::string float_digits(double value, char letter, int precision, bool alternate);

}  // namespace sirocco::jinja
