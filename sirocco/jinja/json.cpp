#include <nlohmann/json.hpp>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/objects.hpp"
#include "sirocco/jinja/string.hpp"

namespace sirocco::jinja {
namespace {

constexpr std::size_t kMaxJsonDepth = 100;

/// Builds values from nlohmann's parser, which doesn't recurse and checks UTF-8.
class JsonBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonBuilder(std::string_view what, Origin origin) : what_(what), origin_(origin) {}

  Value take() { return std::move(result_); }

  bool null() override { return put(Value::none(origin_)); }
  bool boolean(bool value) override { return put(Value::boolean(value, origin_)); }
  bool number_integer(number_integer_t value) override {
    return put(Value::integer(value, origin_));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return put(Value::integer(static_cast<Int>(value), origin_));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") != std::string::npos) return put(Value::real(value, origin_));
    try {
      return put(Value::integer(*parse_int(text, 10), origin_));
    } catch (const TemplateFault&) {
      throw InvalidArgument("{}: the integer {} has more than 128 bits", what_, quoted(text, 50));
    }
  }
  bool string(string_t& text) override { return put(Value::string(text, origin_)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool key(string_t& name) override {
    levels_.back().key = Value::string(name, origin_);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::string_view reason = error.what();
    if (const std::size_t bracket = reason.find("] "); bracket != std::string_view::npos) {
      reason.remove_prefix(bracket + 2);
    }
    throw InvalidArgument("{} isn't valid JSON at byte {}: {}", what_, position,
                          quoted(reason, 200));
  }

 private:
  struct Level {
    bool object = false;
    Value key;
    Dict dict;
    std::vector<Value> items;
  };

  bool open(bool object) {
    if (levels_.size() >= kMaxJsonDepth) {
      throw InvalidArgument("{} is nested more than {} levels deep", what_, kMaxJsonDepth);
    }
    levels_.emplace_back().object = object;
    return true;
  }

  bool close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    return put(level.object ? Value::dict(std::move(level.dict), origin_)
                            : Value::list(std::move(level.items), origin_));
  }

  bool put(Value value) {
    if (levels_.empty()) {
      result_ = std::move(value);
    } else if (Level& level = levels_.back(); level.object) {
      level.dict.set(std::move(level.key), std::move(value));
    } else {
      level.items.push_back(std::move(value));
    }
    return true;
  }

  std::string_view what_;
  Origin origin_;
  std::vector<Level> levels_;
  Value result_;
};

}  // namespace

Value Value::from_json(std::string_view json, std::string_view what, Origin origin) {
  JsonBuilder builder(what, origin);
  nlohmann::json::sax_parse(json, &builder);
  return builder.take();
}

}  // namespace sirocco::jinja
