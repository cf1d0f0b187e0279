#include "sirocco/server/json/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"

namespace sirocco::json {
namespace {

using Sax = nlohmann::json_sax<nlohmann::json>;

constexpr std::string_view kCode = "invalid_json";

/// Builds a Value, and stops the parser at the first thing that isn't allowed.
class Builder final : public Sax {
 public:
  explicit Builder(const ParseLimits& limits) : limits_(limits) {}

  bool null() override { return add(Value()); }
  bool boolean(bool value) override { return add(Value(value)); }
  bool number_integer(std::int64_t value) override { return add(Value(value)); }
  bool number_unsigned(std::uint64_t value) override {
    if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return add(Value(static_cast<std::int64_t>(value)));
    return add(Value(static_cast<double>(value)));
  }
  bool number_float(double value, const std::string&) override { return add(Value(value)); }
  bool string(std::string& text) override { return add(Value(std::move(text))); }
  bool binary(nlohmann::json::binary_t&) override { return stop("has bytes that are no text"); }
  bool start_array(std::size_t) override { return open(Array()); }
  bool end_array() override { return close(); }
  bool start_object(std::size_t) override { return open(Object()); }
  bool end_object() override {
    const Object& members = std::get<Object>(open_.back().container);
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const auto& [name, value] : members) names.push_back(name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice != names.end()) {
      return stop(fmt::format("has the member {} twice in one object", sirocco::quoted(*twice)));
    }
    return close();
  }
  bool key(std::string& name) override {
    open_.back().name = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // The library's own words may quote raw bytes.
    constexpr int kNumberOverflow = 406;
    if (error.id == kNumberOverflow)
      return stop(fmt::format("has a number that is too large, before byte {}", position));
    return stop(fmt::format("isn't JSON from byte {} on", position));
  }

  Value result() {
    if (problem_) {
      throw InvalidRequest("", kCode,
                           fmt::format("the body {}; expected one JSON value", *problem_));
    }
    return std::move(root_);
  }

 private:
  struct Open {
    std::variant<Array, Object> container;
    std::string name;  // of the member that comes next
  };

  bool stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool count() {
    if (++values_ <= limits_.max_values) return true;
    return stop(fmt::format("has more than {} values", limits_.max_values));
  }

  bool add(Value value) { return count() && place(std::move(value)); }

  bool place(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Open& outer = open_.back();
    if (Array* const array = std::get_if<Array>(&outer.container)) {
      array->push_back(std::move(value));
    } else {
      std::get<Object>(outer.container).emplace_back(std::move(outer.name), std::move(value));
    }
    return true;
  }

  bool open(std::variant<Array, Object> container) {
    if (!count()) return false;
    if (open_.size() == limits_.max_depth)
      return stop(fmt::format("is nested more than {} levels deep", limits_.max_depth));
    open_.push_back({std::move(container), {}});
    return true;
  }

  bool close() {
    Value value =
        std::visit([](auto& all) { return Value(std::move(all)); }, open_.back().container);
    open_.pop_back();
    return place(std::move(value));
  }

  ParseLimits limits_;
  std::vector<Open> open_;
  Value root_;
  std::size_t values_ = 0;
  std::optional<std::string> problem_;
};

std::optional<double> number_of(const Value& value) {
  if (const auto* integer = value.as<std::int64_t>()) return static_cast<double>(*integer);
  if (const auto* real = value.as<double>()) return *real;
  return std::nullopt;
}

bool equal_members(const Object& a, const Object& b) {
  if (a.size() != b.size()) return false;
  return std::ranges::all_of(a, [&](const auto& member) {
    const auto other = std::ranges::find(b, member.first, &Object::value_type::first);
    return other != b.end() && member.second == other->second;
  });
}

}  // namespace

bool operator==(const Value& a, const Value& b) {
  if (a.storage_.index() == b.storage_.index()) {
    if (const Object* const members = a.as<Object>())
      return equal_members(*members, *b.as<Object>());
    return a.storage_ == b.storage_;
  }
  const auto left = number_of(a);
  return left && left == number_of(b);
}

Value parse(std::string_view text, const ParseLimits& limits) {
  // The library takes a NUL for the end of the text.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw InvalidRequest("", kCode,
                         fmt::format("the body has a NUL at byte {}; expected JSON text", nul + 1));
  }
  Builder builder(limits);
  nlohmann::json::sax_parse(text, &builder);
  return builder.result();
}

std::string described(const Value& value) {
  constexpr std::size_t kShown = 60;
  if (value.is_null()) return "null";
  if (const auto* flag = value.as<bool>()) return *flag ? "true" : "false";
  if (const auto* integer = value.as<std::int64_t>()) return fmt::format("{}", *integer);
  if (const auto* real = value.as<double>()) return fmt::format("{}", *real);
  if (const auto* text = value.as<std::string>()) return sirocco::quoted(*text, kShown);
  return value.as<Array>() != nullptr ? "an array" : "an object";
}

}  // namespace sirocco::json
