#include "sirocco/server/json/field.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"

namespace sirocco::json {
namespace {

constexpr std::string_view kWrongType = "invalid_type";
constexpr std::string_view kWrongValue = "invalid_value";

constexpr std::int64_t kMinInteger = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();

std::optional<std::int64_t> integer_of(const Value& value) {
  if (const auto* integer = value.as<std::int64_t>()) return *integer;
  const double* const real = value.as<double>();
  constexpr double kMaxExact = 9007199254740992.0;  // 2^53
  if (real == nullptr || std::abs(*real) > kMaxExact || std::trunc(*real) != *real) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*real);
}

std::optional<double> number_of(const Value& value) {
  if (const auto* integer = value.as<std::int64_t>()) return static_cast<double>(*integer);
  if (const auto* real = value.as<double>()) return *real;
  return std::nullopt;
}

std::string range_words(std::string_view what, bool has_min, std::string_view min, bool above_min,
                        bool has_max, std::string_view max) {
  std::string out(what);
  if (has_min && has_max && !above_min) return fmt::format("{} from {} to {}", what, min, max);
  if (has_min) out += fmt::format("{} {}", above_min ? " above" : " of at least", min);
  if (has_max) out += fmt::format("{} {}", has_min ? ", up to" : " of at most", max);
  return out;
}

std::string words_of(const Boolean&) { return "true or false"; }

std::string words_of(const Integer& range) {
  return range_words("a whole number", range.min != kMinInteger, fmt::format("{}", range.min),
                     false, range.max != kMaxInteger, fmt::format("{}", range.max));
}

std::string words_of(const Number& range) {
  return range_words("a number", range.min != Number().min, fmt::format("{}", range.min),
                     range.above_min, range.max != Number().max, fmt::format("{}", range.max));
}

std::string words_of(const Text& limit) {
  if (limit.max_bytes == Text().max_bytes) return "a text";
  return fmt::format("a text of at most {} bytes", limit.max_bytes);
}

std::string words_of(const ListOf& list) {
  const bool bounded = list.max_items != ListOf().max_items;
  if (list.min_items == 0 && !bounded) return fmt::format("an array of {}", list.what);
  if (!bounded) return fmt::format("an array of at least {} {}", list.min_items, list.what);
  return fmt::format("an array of {} to {} {}", list.min_items, list.max_items, list.what);
}

std::string words_of(const ObjectOf& object) { return fmt::format("an object of {}", object.what); }

std::string words_of(const OneOf& choice) {
  // The values as they are written, without the array around them.
  std::string_view inner = choice.values.substr(1, choice.values.size() - 2);
  if (inner.empty()) return "null";
  std::string out;
  int depth = 0;
  bool quoted = false;
  for (const char c : inner) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '[' || c == '{')) ++depth;
    if (!quoted && (c == ']' || c == '}')) --depth;
    if (!quoted && depth == 0 && c == ',') {
      out += " or";
    } else {
      out += c;
    }
  }
  return out;
}

std::string words_of(const Described& described) { return std::string(described.words); }

std::string_view name_of_type(const Expected& expected) {
  constexpr std::string_view kNames[] = {kWrongType, kWrongType, kWrongType,  kWrongType,
                                         kWrongType, kWrongType, kWrongValue, kWrongValue};
  return kNames[expected.index()];
}

bool holds(const Value& value, const Boolean&) { return value.as<bool>() != nullptr; }
bool holds(const Value& value, const Integer& range) {
  const auto found = integer_of(value);
  return found && *found >= range.min && *found <= range.max;
}
bool holds(const Value& value, const Number& range) {
  const auto found = number_of(value);
  return found && *found >= range.min && *found <= range.max &&
         !(range.above_min && *found <= range.min);
}
bool holds(const Value& value, const Text& limit) {
  const auto* found = value.as<std::string>();
  return found != nullptr && found->size() <= limit.max_bytes;
}
bool holds(const Value& value, const ListOf& list) {
  const auto* found = value.as<Array>();
  return found != nullptr && found->size() >= list.min_items && found->size() <= list.max_items;
}
bool holds(const Value& value, const ObjectOf&) { return value.as<Object>() != nullptr; }
bool holds(const Value& value, const OneOf& choice) {
  const Value values = parse(choice.values);
  return std::ranges::find(*values.as<Array>(), value) != values.as<Array>()->end();
}
bool holds(const Value&, const Described&) { return true; }

/// Whether the value is of the kind that is expected, whatever its range.
bool right_kind(const Value& value, const Expected& expected) {
  if (std::holds_alternative<Integer>(expected)) return integer_of(value).has_value();
  if (std::holds_alternative<Number>(expected)) return number_of(value).has_value();
  if (std::holds_alternative<Text>(expected)) return value.as<std::string>() != nullptr;
  if (std::holds_alternative<ListOf>(expected)) return value.as<Array>() != nullptr;
  return false;
}

/// As it is written in a path, whatever its bytes.
std::string name_in_path(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  const bool plain =
      !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
      });
  return plain ? std::string(name) : sirocco::quoted(name, kLongest);
}

}  // namespace

std::string words(const Expected& expected) {
  return std::visit([](const auto& kind) { return words_of(kind); }, expected);
}

bool Field::boolean() const {
  require(Boolean());
  return *value_->as<bool>();
}

std::int64_t Field::integer(Integer range) const {
  require(range);
  return *integer_of(*value_);
}

double Field::number(Number range) const {
  require(range);
  return *number_of(*value_);
}

const std::string& Field::text(Text limit) const {
  require(limit);
  return *value_->as<std::string>();
}

const Array& Field::list(const ListOf& expected) const {
  require(expected);
  return *value_->as<Array>();
}

const Object& Field::object(const ObjectOf& expected) const {
  require(expected);
  return *value_->as<Object>();
}

bool Field::is(const Expected& expected) const {
  return std::visit([&](const auto& kind) { return holds(*value_, kind); }, expected);
}

void Field::require(const Expected& expected) const {
  if (is(expected)) return;
  fail_expecting(right_kind(*value_, expected) ? kWrongValue : name_of_type(expected),
                 words(expected));
}

Field Field::item(std::size_t index) const {
  return Field((*value_->as<Array>())[index], fmt::format("{}[{}]", path_, index));
}

Field Field::member(const Object::value_type& member) const {
  std::string name = name_in_path(member.first);
  return Field(member.second, path_.empty() ? std::move(name) : fmt::format("{}.{}", path_, name));
}

void Field::fail(std::string_view code, std::string_view message) const {
  throw InvalidRequest(path_, code,
                       fmt::format("{}: {}", path_.empty() ? "the body" : path_, message));
}

void Field::fail_expecting(std::string_view code, std::string_view expected) const {
  fail(code, fmt::format("found {}; expected {}", described(*value_), expected));
}

}  // namespace sirocco::json
