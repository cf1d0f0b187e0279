#include "sirocco/formats/json_value.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/name_order.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::json;

/// Builds the tree from the parser's events and counts what it takes.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(std::string_view origin, const JsonLimits& limits)
      : origin_(origin), limits_(limits) {}

  bool null() override { return add(JsonValue()); }
  bool boolean(bool value) override { return add(JsonValue(value)); }
  bool number_integer(std::int64_t value) override { return add(JsonValue(value)); }
  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      throw FormatError("{}: the integer {} is beyond 63 bits", origin_, value);
    return add(JsonValue(static_cast<std::int64_t>(value)));
  }
  bool number_float(double value, const std::string&) override { return add(JsonValue(value)); }
  bool string(std::string& value) override {
    charge(value.size());
    return add(JsonValue(JsonValue::Value(std::move(value))));
  }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(JsonValue::Object()); }
  bool start_array(std::size_t) override { return open(JsonValue::Array()); }
  bool key(std::string& name) override {
    charge(name.size());
    std::get<JsonValue::Object>(open_.back().value).push_back({std::move(name), {}});
    return true;
  }
  bool end_array() override { return close(); }
  bool end_object() override {
    std::vector<std::string_view> names;
    for (const JsonValue::Member& m : std::get<JsonValue::Object>(open_.back().value))
      names.push_back(m.name);
    unique_order(names, "member", origin_);
    return close();
  }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception&) override {
    throw FormatError("{}: is no JSON from byte {} on, at {}; the file is damaged: fetch it again",
                      origin_, position, sirocco::quoted(token, 40));
  }

  JsonValue take() { return std::move(root_); }

 private:
  void charge(std::size_t bytes) {
    if (bytes > limits_.memory - used_) {
      throw FormatError("{}: would take more than {} MiB in memory, which no model needs", origin_,
                        limits_.memory >> 20);
    }
    used_ += bytes;
  }

  bool open(JsonValue::Value container) {
    if (open_.size() == limits_.depth)
      throw FormatError("{}: is nested deeper than {} levels", origin_, limits_.depth);
    open_.emplace_back(std::move(container));
    return true;
  }

  bool close() {
    JsonValue done = std::move(open_.back());
    open_.pop_back();
    return add(std::move(done));
  }

  bool add(JsonValue value) {
    charge(sizeof(JsonValue::Member));
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* const array = std::get_if<JsonValue::Array>(&open_.back().value)) {
      array->push_back(std::move(value));
    } else {
      std::get<JsonValue::Object>(open_.back().value).back().value = std::move(value);
    }
    return true;
  }

  std::string_view origin_;
  JsonLimits limits_;
  std::size_t used_ = 0;
  std::vector<JsonValue> open_;  // containers that have begun, outermost first
  JsonValue root_;
};

}  // namespace

const JsonValue* JsonValue::member(std::string_view name) const {
  const auto* const object = as<Object>();
  if (object == nullptr) return nullptr;
  const auto found = std::ranges::find(*object, name, &Member::name);
  return found == object->end() ? nullptr : &found->value;
}

JsonValue parse_json(std::string_view text, std::string_view origin, const JsonLimits& limits) {
  TreeBuilder builder(origin, limits);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace sirocco
