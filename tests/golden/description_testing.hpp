#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/formats/json_value.hpp"

/// Reads members of the descriptions in tests/golden; std::runtime_error where one isn't as
/// expected.
namespace sirocco::testing {

using Shape = std::vector<std::int64_t>;

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("can't open " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
const T& as(const JsonValue& value) {
  if (const T* const found = value.as<T>()) return *found;
  throw std::runtime_error("a member of another type than expected");
}

inline const JsonValue& member(const JsonValue& object, std::string_view name) {
  if (const JsonValue* const found = object.member(name)) return *found;
  throw std::runtime_error(fmt::format("no member '{}'", name));
}

inline const std::string& text(const JsonValue& object, std::string_view name) {
  return as<std::string>(member(object, name));
}

inline double number(const JsonValue& value) {
  const auto* const whole = value.as<std::int64_t>();
  return whole != nullptr ? static_cast<double>(*whole) : as<double>(value);
}

/// 0 where there is no such member.
inline float real(const JsonValue& object, std::string_view name) {
  const JsonValue* const found = object.member(name);
  return found != nullptr ? static_cast<float>(number(*found)) : 0.0f;
}

/// The elements of an array, none where there is no such member.
inline const JsonValue::Array& array(const JsonValue& object, std::string_view name) {
  static const JsonValue::Array none;
  const JsonValue* const found = object.member(name);
  return found != nullptr ? as<JsonValue::Array>(*found) : none;
}

inline Shape whole_numbers(const JsonValue::Array& values) {
  Shape out;
  for (const JsonValue& value : values) out.push_back(as<std::int64_t>(value));
  return out;
}

}  // namespace sirocco::testing
