#include "sirocco/formats/json_value.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "sirocco/base/byte_order_mark.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/formats/name_order.hpp"

namespace sirocco {
namespace {

/// Numbers that Python's json writes and reads, and RFC 8259 doesn't know.
struct NumberWord {
  std::string_view text;
  double value;
};
constexpr std::array kNumberWords = {
    NumberWord{"NaN", std::numeric_limits<double>::quiet_NaN()},
    NumberWord{"Infinity", std::numeric_limits<double>::infinity()},
    NumberWord{"-Infinity", -std::numeric_limits<double>::infinity()},
};

/// What a number that no double is near rounds to: zero or infinity, by its leading digit's place.
double beyond_doubles(std::string_view token) {
  const std::size_t mark = std::min(token.find_first_of("eE"), token.size());
  const std::string_view digits = token.substr(0, mark);
  std::string_view written = token.substr(std::min(mark + 1, token.size()));
  if (written.starts_with('+')) written.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto read = std::from_chars(written.data(), written.data() + written.size(), exponent);
  constexpr std::int64_t kBeyond = std::int64_t{1} << 62;
  if (read.ec == std::errc::result_out_of_range)
    exponent = written.starts_with('-') ? -kBeyond : kBeyond;
  exponent = std::clamp(exponent, -kBeyond, kBeyond);
  const auto point = static_cast<std::int64_t>(std::min(digits.find('.'), digits.size()));
  const std::size_t lead = digits.find_first_of("123456789");
  const bool is_large =
      lead != std::string_view::npos && exponent + point - static_cast<std::int64_t>(lead) > 0;
  const double size = is_large ? std::numeric_limits<double>::infinity() : 0.0;
  return token.starts_with('-') ? -size : size;
}

/// Reads a document from its first character to its last, and counts what its values take.
/// Containers that have begun are in a list, so that depth costs no stack.
class DocumentReader {
 public:
  DocumentReader(std::string_view text, std::string_view origin, const JsonLimits& limits)
      : text_(text), origin_(origin), limits_(limits) {}

  JsonValue read() {
    if (!text_.empty() && !simdjson::validate_utf8(text_.data(), text_.size())) {
      throw FormatError("{}: is no JSON: its text isn't UTF-8; save it as UTF-8, or fetch it again",
                        origin_);
    }
    take(kByteOrderMark);
    do {
      read_value();
    } while (another_follows());
    skip_blanks();
    if (at_ != text_.size()) fail();
    return std::move(root_);
  }

 private:
  [[noreturn]] void fail() const {
    throw FormatError("{}: is no JSON from byte {} on, at {}; the file is damaged: fetch it again",
                      origin_, at_, sirocco::quoted(text_.substr(at_), 40));
  }

  /// The next character; behind the last one, a zero, which is nowhere allowed.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\n\r", at_), text_.size()); }

  /// A value, or the beginning of one that has members.
  void read_value() {
    skip_blanks();
    if (take('{')) return open(JsonValue::Object());
    if (take('[')) return open(JsonValue::Array());
    if (peek() == '"') return add(JsonValue(JsonValue::Value(read_string())));
    if (take("null")) return add(JsonValue());
    if (take("true")) return add(JsonValue(true));
    if (take("false")) return add(JsonValue(false));
    for (const NumberWord& word : kNumberWords) {
      if (take(word.text)) return add(JsonValue(word.value));
    }
    read_number();
  }

  /// Ends the containers that end here. Whether the one that doesn't has another member, of which
  /// the name has been read then.
  bool another_follows() {
    for (; !open_.empty(); close()) {
      skip_blanks();
      auto* const object = std::get_if<JsonValue::Object>(&open_.back().value);
      const bool is_first = object != nullptr
                                ? object->empty()
                                : std::get<JsonValue::Array>(open_.back().value).empty();
      if (take(object != nullptr ? '}' : ']')) continue;
      if (!is_first && !take(',')) fail();
      if (object != nullptr) read_name(*object);
      return true;
    }
    return false;
  }

  void read_name(JsonValue::Object& object) {
    skip_blanks();
    if (peek() != '"') fail();
    object.push_back({read_string(), {}});
    skip_blanks();
    if (!take(':')) fail();
  }

  std::string read_string() {
    const auto is_plain = [](char c) {
      return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
    };
    ++at_;
    std::string out;
    while (true) {
      const std::size_t begin = at_;
      while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
      out.append(text_, begin, at_ - begin);
      if (take('"')) break;
      if (!take('\\')) fail();
      read_escape(out);
    }
    charge(out.size());
    return out;
  }

  void read_escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (take('u')) {
      std::uint32_t c = read_code_unit();
      const bool is_upper = c >= 0xD800 && c < 0xDC00;
      if (is_upper && take("\\u")) {
        const std::uint32_t lower = read_code_unit();
        if (lower < 0xDC00 || lower > 0xDFFF) fail();
        c = 0x10000 + ((c - 0xD800) << 10) + (lower - 0xDC00);
      }
      // Half of a character is none.
      if (c >= 0xD800 && c < 0xE000) fail();
      return append_utf8(out, c);
    }
    const std::size_t which = at_ < text_.size() ? kNames.find(text_[at_]) : std::string_view::npos;
    if (which == std::string_view::npos) fail();
    out += kMeanings[which];
    ++at_;
  }

  std::uint32_t read_code_unit() {
    constexpr std::size_t kDigits = 4;
    std::uint32_t unit = 0;
    const std::string_view digits = text_.substr(at_, kDigits);
    const auto [end, status] =
        std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (digits.size() != kDigits || end != digits.data() + kDigits || status != std::errc()) fail();
    at_ += kDigits;
    return unit;
  }

  void skip_digits() {
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_not_of("0123456789", at_), text_.size());
    if (at_ == begin) fail();
  }

  void read_number() {
    const std::size_t begin = at_;
    take('-');
    if (!take('0')) skip_digits();
    const std::size_t whole_end = at_;
    if (take('.')) skip_digits();
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      skip_digits();
    }
    const std::string_view token = text_.substr(begin, at_ - begin);
    const char* const end = token.data() + token.size();
    std::int64_t integer = 0;
    if (at_ == whole_end && std::from_chars(token.data(), end, integer).ec == std::errc())
      return add(JsonValue(integer));
    double number = 0.0;
    if (std::from_chars(token.data(), end, number).ec == std::errc::result_out_of_range)
      number = beyond_doubles(token);
    add(JsonValue(number));
  }

  void charge(std::size_t bytes) {
    if (bytes > limits_.max_memory - used_) {
      throw FormatError("{}: would take more than {} MiB in memory, which no model needs", origin_,
                        limits_.max_memory >> 20);
    }
    used_ += bytes;
  }

  void open(JsonValue::Value container) {
    if (open_.size() == limits_.max_depth)
      throw FormatError("{}: is nested deeper than {} levels", origin_, limits_.max_depth);
    open_.emplace_back(std::move(container));
  }

  void close() {
    if (const auto* const object = open_.back().as<JsonValue::Object>()) {
      std::vector<std::string_view> names;
      for (const JsonValue::Member& m : *object) names.push_back(m.name);
      unique_order(names, "member", origin_);
    }
    JsonValue done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done));
  }

  void add(JsonValue value) {
    charge(sizeof(JsonValue::Member));
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* const array = std::get_if<JsonValue::Array>(&open_.back().value)) {
      array->push_back(std::move(value));
    } else {
      std::get<JsonValue::Object>(open_.back().value).back().value = std::move(value);
    }
  }

  std::string_view text_;
  std::string_view origin_;
  JsonLimits limits_;
  std::size_t at_ = 0;
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
  return DocumentReader(text, origin, limits).read();
}

JsonValue parse_json_description(std::string_view text, std::string_view origin) {
  constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  if (text.size() > kMaxBytes) {
    throw FormatError("{}: has {} bytes, more than the {} MiB that a description may have", origin,
                      text.size(), kMaxBytes >> 20);
  }
  JsonValue value = parse_json(text, origin);
  if (value.as<JsonValue::Object>() == nullptr) throw FormatError("{}: is no JSON object", origin);
  return value;
}

}  // namespace sirocco
