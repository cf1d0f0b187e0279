#pragma once

#include <rapidcheck.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/utf8.hpp"
#include "sirocco/server/answer.hpp"

namespace sirocco::shape_testing {

using Json = nlohmann::json;

// A shape is JSON: types ("string|null") or a constant ("=stop"), of objects the shapes of all
// members, with a question mark behind the name of one that may be missing, of arrays that of each
// item.

inline bool is_of_type(const Json& value, const std::string& type) {
  if (type.starts_with("=")) return value == type.substr(1);
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return false;
}

/// Where the value isn't as its shape says; empty if it is.
inline std::string mismatch(const Json& value, const Json& shape, const std::string& path = "$") {
  if (shape.is_string()) {
    std::istringstream types(shape.get<std::string>());
    for (std::string type; std::getline(types, type, '|');) {
      if (is_of_type(value, type)) return "";
    }
    return path + " is " + value.dump() + " and not " + shape.dump();
  }
  if (shape.is_array()) {
    if (!value.is_array()) return path + " is no array";
    for (std::size_t i = 0; i < value.size(); ++i) {
      std::string found = mismatch(value[i], shape[0], path + "[" + std::to_string(i) + "]");
      if (!found.empty()) return found;
    }
    return "";
  }
  if (!value.is_object()) return path + " is no object";
  std::size_t known = 0;
  for (const auto& [key, inner] : shape.items()) {
    const bool optional = key.ends_with("?");
    const std::string name = optional ? key.substr(0, key.size() - 1) : key;
    if (!value.contains(name)) {
      if (optional) continue;
      return path + " has no " + name;
    }
    ++known;
    std::string found = mismatch(value[name], inner, path + "." + name);
    if (!found.empty()) return found;
  }
  if (known != value.size()) return path + " has members that nobody expects: " + value.dump();
  return "";
}

/// Of what write_details writes, besides warnings.
inline const Json kTimings = Json::parse(R"({
    "queued_ms": "number", "cache_n": "integer",
    "prompt_n": "integer", "prompt_ms": "number", "prompt_per_token_ms": "number",
    "prompt_per_second": "number", "predicted_n": "integer", "predicted_ms": "number",
    "predicted_per_token_ms": "number", "predicted_per_second": "number"})");
/// What an answer may tell at its end, of one answer.
inline AnswerTotals random_totals() {
  AnswerTotals out;
  out.usage = {*rc::gen::inRange(0, 9), *rc::gen::inRange(0, 9), *rc::gen::inRange(0, 9)};
  out.timings = {*rc::gen::inRange(0, 9) / 3.0, *rc::gen::inRange(0, 2) / 7.0,
                 *rc::gen::inRange(0, 2) / 9.0};
  out.warnings = *rc::gen::container<std::vector<std::string>>(*rc::gen::inRange(0, 2),
                                                               rc::gen::arbitrary<std::string>());
  out.stop_strings = {*rc::gen::arbitrary<std::string>()};
  return out;
}

/// What can be said of bytes in JSON.
inline std::string as_utf8(std::string_view bytes) {
  std::string out;
  Utf8Assembler assembler;
  assembler.push(bytes, out);
  assembler.finish(out);
  return out;
}

inline void expect_shape(const std::string& text, const Json& shape) {
  RC_ASSERT(is_utf8(text));
  const Json value = Json::parse(text);
  const std::string found = mismatch(value, shape);
  if (!found.empty()) RC_FAIL(found);
}

}  // namespace sirocco::shape_testing
