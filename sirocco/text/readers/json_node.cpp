#include "sirocco/text/readers/json_node.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "sirocco/base/byte_order_mark.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using Element = simdjson::dom::element;

constexpr std::size_t kMaxDepth = 64;

std::string_view type_name(Element value) {
  switch (value.type()) {
    case simdjson::dom::element_type::ARRAY:
      return "an array";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::STRING:
      return "a string";
    case simdjson::dom::element_type::BOOL:
      return "true or false";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

template <class T>
std::optional<T> value_as(Element value) {
  T out{};
  if (value.get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

}  // namespace

struct JsonNode::Access {
  static_assert(sizeof(Element) == sizeof(Place) && std::is_trivially_copyable_v<Element>);

  static Element of(const JsonNode& node) { return std::bit_cast<Element>(node.place_); }
  static Place place(Element value) { return std::bit_cast<Place>(value); }
  static simdjson::dom::array array(const JsonNode& node) {
    const auto array = value_as<simdjson::dom::array>(of(node));
    if (!array) node.wrong("an array");
    return *array;
  }
  static simdjson::dom::object object(const JsonNode& node) {
    const auto object = value_as<simdjson::dom::object>(of(node));
    if (!object) node.wrong("an object");
    return *object;
  }
};

std::string JsonNode::where() const {
  return path_.empty() ? std::string(origin_) : std::string(origin_) + ": " + path_;
}

bool JsonNode::is_array() const { return Access::of(*this).is_array(); }
bool JsonNode::is_object() const { return Access::of(*this).is_object(); }
bool JsonNode::is_flag() const { return Access::of(*this).is_bool(); }

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  Element member;
  if (Access::object(*this).at_key(key).get(member) != simdjson::SUCCESS || member.is_null()) {
    return std::nullopt;
  }
  std::string path = path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  return JsonNode(Access::place(member), origin_, std::move(path));
}

bool JsonNode::has(std::string_view key) const {
  Element member;
  return Access::object(*this).at_key(key).get(member) == simdjson::SUCCESS;
}

JsonNode JsonNode::at(std::string_view key) const {
  auto member = find(key);
  if (!member) throw FormatError("{}: {} is missing", where(), quoted(key));
  return *std::move(member);
}

std::vector<JsonNode> JsonNode::items() const {
  std::vector<JsonNode> nodes;
  for (const Element item : Access::array(*this)) {
    nodes.push_back(
        JsonNode(Access::place(item), origin_, path_ + "[" + std::to_string(nodes.size()) + "]"));
  }
  return nodes;
}

std::string_view JsonNode::text() const {
  const auto text = as_text();
  if (!text) wrong("a string");
  return *text;
}

bool JsonNode::flag() const {
  const auto flag = value_as<bool>(Access::of(*this));
  if (!flag) wrong("true or false");
  return *flag;
}

std::size_t JsonNode::count(std::size_t limit) const {
  const auto number = value_as<std::uint64_t>(Access::of(*this));
  if (!number || *number > limit) wrong(fmt::format("a whole number from 0 to {}", limit));
  return static_cast<std::size_t>(*number);
}

std::string_view JsonNode::text_or(std::string_view key, std::string_view fallback) const {
  const auto member = find(key);
  return member ? member->text() : fallback;
}

bool JsonNode::flag_or(std::string_view key, bool fallback) const {
  const auto member = find(key);
  return member ? member->flag() : fallback;
}

std::optional<std::string_view> JsonNode::as_text() const {
  return value_as<std::string_view>(Access::of(*this));
}

std::optional<std::int64_t> JsonNode::as_integer() const {
  return value_as<std::int64_t>(Access::of(*this));
}

std::optional<double> JsonNode::as_number() const { return value_as<double>(Access::of(*this)); }

std::size_t JsonNode::size() const {
  std::size_t count = 0;
  if (is_array()) {
    for (const Element item : Access::array(*this)) {
      static_cast<void>(item);
      ++count;
    }
  } else {
    for (const auto& member : Access::object(*this)) {
      static_cast<void>(member);
      ++count;
    }
  }
  return count;
}

void JsonNode::for_each_member(
    FunctionRef<void(std::string_view key, const JsonNode& value)> each) const {
  for (const auto& [key, value] : Access::object(*this)) {
    each(key, JsonNode(Access::place(value), origin_, {}));
  }
}

void JsonNode::for_each_item(FunctionRef<void(const JsonNode& item)> each) const {
  for (const Element item : Access::array(*this)) {
    each(JsonNode(Access::place(item), origin_, {}));
  }
}

void JsonNode::wrong(std::string_view wanted) const {
  throw FormatError("{}: found {}, expected {}", where(), type_name(Access::of(*this)), wanted);
}

namespace {

/// `json` in the numbers that the parser takes: whole ones of more than 64 bits as floating-point
/// ones (tokenizer_config.json says "no limit" by 10^30), and null for NaN, Infinity and -Infinity,
/// which Python's json writes and nothing here could use. Empty where there are none of these.
std::string in_plain_numbers(std::string_view json) {
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::string_view kOfWords =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  constexpr std::array<std::string_view, 3> kNoNumbers = {"NaN", "Infinity", "-Infinity"};
  constexpr std::size_t kMaxDigits = 18;
  std::string out;
  std::size_t done = 0;
  const auto put = [&](std::size_t begin, std::size_t end, std::string_view instead) {
    out.append(json.substr(done, begin - done)).append(instead);
    done = end;
  };
  for (std::size_t at = 0; at < json.size();) {
    const std::size_t begin = at;
    if (json[at] == '"') {
      for (++at; at < json.size() && json[at] != '"'; ++at) at += json[at] == '\\' ? 1 : 0;
      ++at;
    } else if (kDigits.find(json[at]) != std::string_view::npos) {
      at = std::min(json.find_first_not_of("0123456789.eE+-", at), json.size());
      const std::string_view number = json.substr(begin, at - begin);
      if (number.size() > kMaxDigits && number.find_first_not_of(kDigits) == std::string_view::npos)
        put(at, at, ".0");
    } else if (json.substr(at).starts_with(kNoNumbers.back()) ||
               kOfWords.find(json[at]) != std::string_view::npos) {
      at = std::min(json.find_first_not_of(kOfWords, at + 1), json.size());
      if (std::ranges::find(kNoNumbers, json.substr(begin, at - begin)) != kNoNumbers.end())
        put(begin, at, "null");
    } else {
      ++at;
    }
  }
  return done == 0 ? out : out.append(json.substr(done));
}

}  // namespace

struct JsonDocument::Parsed {
  simdjson::dom::parser parser;
  Element root;

  simdjson::error_code parse(std::string_view json) {
    const simdjson::error_code error = parser.allocate(json.size(), kMaxDepth);
    return error != simdjson::SUCCESS ? error : parser.parse(json.data(), json.size()).get(root);
  }
};

JsonDocument::JsonDocument(std::string_view json, std::string_view origin)
    : parsed_(std::make_unique<Parsed>()), origin_(origin) {
  if (json.starts_with(kByteOrderMark)) json.remove_prefix(kByteOrderMark.size());
  simdjson::error_code error = parsed_->parse(json);
  // How such a number is refused differs between versions of the parser.
  if (error != simdjson::SUCCESS) {
    const std::string readable = in_plain_numbers(json);
    if (!readable.empty()) error = parsed_->parse(readable);
  }
  if (error == simdjson::MEMALLOC) throw ResourceExhausted("{}: out of memory", origin);
  if (error == simdjson::DEPTH_ERROR) {
    throw FormatError("{}: values within values, {} deep or more", origin, kMaxDepth);
  }
  if (error != simdjson::SUCCESS) {
    throw FormatError("{}: not JSON: {}", origin, simdjson::error_message(error));
  }
}

JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

JsonNode JsonDocument::root() const {
  return JsonNode(JsonNode::Access::place(parsed_->root), origin_, {});
}

}  // namespace sirocco
