#include "sirocco/jinja/digits.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "sirocco/jinja/operators.hpp"

namespace sirocco::jinja {

std::string digits_of(Int value, int base, bool upper) {
  if (base == 10) return int_to_string(value < 0 ? -value : value);
  std::string digits;
  __extension__ typedef unsigned __int128 Magnitude;
  auto rest = static_cast<Magnitude>(value < 0 ? -value : value);
  do {
    const auto digit = static_cast<std::size_t>(rest % static_cast<unsigned>(base));
    digits.insert(digits.begin(), (upper ? "0123456789ABCDEF" : "0123456789abcdef")[digit]);
    rest /= static_cast<unsigned>(base);
  } while (rest != 0);
  return digits;
}

std::string float_digits(double value, char letter, int precision, bool alternate) {
  if (std::isnan(value)) return letter < 'a' ? "NAN" : "nan";
  if (std::isinf(value)) return letter < 'a' ? "INF" : "inf";
  const std::string format = std::string("%") + (alternate ? "#" : "") + ".*" + letter;
  std::string out(static_cast<std::size_t>(precision) + 400, '\0');
  const int length =
      std::snprintf(out.data(), out.size(), format.c_str(), precision, std::abs(value));
  out.resize(static_cast<std::size_t>(std::max(length, 0)));
  return out;
}

}  // namespace sirocco::jinja
