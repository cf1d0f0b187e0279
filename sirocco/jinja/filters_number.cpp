#include <array>
#include <cmath>
#include <cstdlib>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/string.hpp"

namespace sirocco::jinja {
namespace {

void require_defined(const Value& value) {
  if (value.is_undefined()) fail(Fault::kUndefined, "{}", *value.as_undefined()->message);
}

Value filter_abs(Runtime& runtime, const Value& self, const Bound&) {
  if (!self.is_number()) fail(Fault::kType, "bad operand type for abs(): {}", type_name(self));
  if (self.is_float()) return Value::real(std::abs(*self.as_float()), self.origin());
  const Value zero = Value::integer(0);
  return less(runtime.heap(), self, zero) ? negate(self) : posit(self);
}

Value filter_int(Runtime& runtime, const Value& self, const Bound& arguments) {
  require_defined(self);
  const Value otherwise = arguments.get(0, Value::integer(0));
  const Origin origin = self.origin();
  if (const Str* str = self.as_str()) {
    const int base = static_cast<int>(
        std::clamp<std::int64_t>(arguments.has(1) ? to_index(arguments.at(1)) : 10, -1, 37));
    runtime.heap().touch(str->text.size());
    if (base == 0 || (base >= 2 && base <= 36)) {
      if (const auto value = parse_int(str->text.view(), base)) {
        return Value::integer(*value, origin);
      }
    }
    const auto real = parse_float(str->text.view());
    if (!real || !std::isfinite(*real)) return otherwise;
    return Value::integer(float_to_int(*real), origin);
  }
  if (const auto value = self.as_int()) return Value::integer(*value, origin);
  if (const double* value = self.as_float()) {
    return std::isnan(*value) ? otherwise : Value::integer(float_to_int(*value), origin);
  }
  return otherwise;
}

Value filter_float(Runtime& runtime, const Value& self, const Bound& arguments) {
  require_defined(self);
  const Value otherwise = arguments.get(0, Value::real(0));
  if (self.is_number()) return Value::real(to_double(self), self.origin());
  const Str* str = self.as_str();
  if (str == nullptr) return otherwise;
  runtime.heap().touch(str->text.size());
  const auto value = parse_float(str->text.view());
  return value ? Value::real(*value, self.origin()) : otherwise;
}

/// round(x, digits): to the nearest decimal, by the number's exact value; ties to even.
double round_to(double value, std::int64_t digits) {
  if (!std::isfinite(value) || digits > 340) return value;
  if (digits < -310) return std::copysign(0.0, value);
  if (digits < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-digits));
    return std::nearbyint(value / unit) * unit;
  }
  return std::strtod(fmt::format("{:.{}f}", value, static_cast<int>(digits)).c_str(), nullptr);
}

Value round_int(Int value, std::int64_t digits, Origin origin) {
  if (digits >= 0) return Value::integer(value, origin);
  if (digits < -38) return Value::integer(0, origin);
  Int unit = 1;
  for (std::int64_t i = 0; i < -digits; ++i) unit *= 10;
  const bool negative = value < 0;
  const Int magnitude = negative ? -value : value;
  Int quotient = magnitude / unit;
  const Int rest = magnitude % unit;
  const Int half = unit / 2;
  if (rest > half || (rest == half && quotient % 2 != 0)) ++quotient;
  Int rounded = 0;
  if (__builtin_mul_overflow(quotient, unit, &rounded)) {
    fail(Fault::kArithmetic, "an integer would need more than 128 bits");
  }
  return Value::integer(negative ? -rounded : rounded, origin);
}

Value filter_round(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Value precision = arguments.get(0, Value::integer(0));
  const Value method = arguments.get(1, heap.text("common", Origin::kTemplate));
  const std::string_view how =
      method.as_str() != nullptr ? method.as_str()->text.view() : std::string_view();
  if (how != "common" && how != "ceil" && how != "floor") {
    fail(Fault::kValue, "method must be common, ceil or floor");
  }
  if (!self.is_number()) {
    fail(Fault::kType, "type {} doesn't define __round__", type_name(self));
  }
  const Origin origin = self.origin();
  if (how == "common") {
    // None rounds to an integer.
    if (self.is_float()) {
      if (!precision.is_none()) {
        return Value::real(round_to(*self.as_float(), to_index(precision)), origin);
      }
      return Value::integer(float_to_int(std::nearbyint(*self.as_float())), origin);
    }
    return round_int(*self.as_int(), precision.is_none() ? 0 : to_index(precision), origin);
  }
  const Value unit = binary(heap, Binary::kPow, Value::integer(10), precision);
  const Value scaled = binary(heap, Binary::kMul, self, unit);
  const double real = to_double(scaled);
  const Int whole = scaled.as_int().value_or(
      scaled.is_float() ? float_to_int(how == "ceil" ? std::ceil(real) : std::floor(real)) : 0);
  return binary(heap, Binary::kDiv, Value::integer(whole, origin), unit);
}

Value filter_file_size(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  require_defined(self);
  double bytes = 0;
  if (const Str* str = self.as_str()) {
    const auto parsed = parse_float(str->text.view());
    if (!parsed) fail(Fault::kValue, "could not convert string to float");
    bytes = *parsed;
  } else {
    bytes = to_double(self);
  }
  const bool is_binary = truthy(heap, arguments.get(0, Value::boolean(false)));
  const double base = is_binary ? 1024 : 1000;
  const Origin origin = self.origin();
  if (bytes == 1) return heap.text("1 Byte", origin);
  if (bytes < base) return heap.text(int_to_string(float_to_int(bytes)) + " Bytes", origin);
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  std::size_t prefix = 0;
  for (; prefix < kPrefixes.size(); ++prefix) {
    unit *= base;
    if (bytes < unit || prefix + 1 == kPrefixes.size()) break;
  }
  const char letter = is_binary && prefix == 0 ? 'K' : kPrefixes[prefix];
  return heap.text(fmt::format("{:.1f} {}{}", base * bytes / unit, letter, is_binary ? "iB" : "B"),
                   origin);
}

constexpr std::array kFilters = {
    Native{"abs", {}, 0, filter_abs},
    Native{"filesizeformat", {"binary"}, 0, filter_file_size},
    Native{"float", {"default"}, 0, filter_float},
    Native{"int", {"default", "base"}, 0, filter_int},
    Native{"round", {"precision", "method"}, 0, filter_round},
};

}  // namespace

std::span<const Native> number_filters() { return kFilters; }

}  // namespace sirocco::jinja
