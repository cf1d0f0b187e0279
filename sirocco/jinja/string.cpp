#include "sirocco/jinja/string.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

/// Where the first character at or after `at` starts that is (or isn't) white space.
std::size_t find_space(std::string_view bytes, std::size_t at, bool space) {
  while (at < bytes.size() && is_space(code_point_at(bytes, at)) != space) {
    at += utf8_width(bytes, at);
  }
  return at;
}

/// The end of the last character before `at` that is (or isn't) white space; 0 if none.
std::size_t find_space_back(std::string_view bytes, std::size_t at, bool space) {
  while (at > 0) {
    const std::size_t before = previous_boundary(bytes, at);
    if (is_space(code_point_at(bytes, before)) == space) break;
    at = before;
  }
  return at;
}

std::vector<Text> split_at_space(const Text& text, std::int64_t limit) {
  std::vector<Text> parts;
  const std::string_view bytes = text.view();
  std::size_t at = find_space(bytes, 0, false);
  while (at < bytes.size()) {
    if (limit >= 0 && static_cast<std::int64_t>(parts.size()) == limit) {
      parts.push_back(text.substr(at));
      break;
    }
    const std::size_t end = find_space(bytes, at, true);
    parts.push_back(text.substr(at, end - at));
    at = find_space(bytes, end, false);
  }
  return parts;
}

std::vector<Text> split_at_space_back(const Text& text, std::int64_t limit) {
  std::vector<Text> parts;
  const std::string_view bytes = text.view();
  std::size_t end = find_space_back(bytes, bytes.size(), false);
  while (end > 0) {
    if (limit >= 0 && static_cast<std::int64_t>(parts.size()) == limit) {
      parts.push_back(text.substr(0, end));
      break;
    }
    const std::size_t begin = find_space_back(bytes, end, true);
    parts.push_back(text.substr(begin, end - begin));
    end = find_space_back(bytes, begin, false);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

/// Underscores that stand between digits, dropped; nothing where one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  const auto is_digit = [&](std::size_t i) {
    return i < text.size() && std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
    } else if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) {
      return std::nullopt;
    }
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = find_space(text, 0, false);
  const std::size_t end = find_space_back(text, text.size(), false);
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

}  // namespace

Text strip(const Text& text, Side side, const Text* characters) {
  const std::string_view bytes = text.view();
  const auto drops = [&](std::size_t at) {
    if (characters == nullptr) return is_space(code_point_at(bytes, at));
    const std::string_view character = bytes.substr(at, utf8_width(bytes, at));
    return characters->view().find(character) != std::string_view::npos;
  };
  std::size_t begin = 0;
  std::size_t end = bytes.size();
  if (side != Side::kRight) {
    while (begin < end && drops(begin)) begin += utf8_width(bytes, begin);
  }
  if (side != Side::kLeft) {
    while (end > begin && drops(previous_boundary(bytes, end))) end = previous_boundary(bytes, end);
  }
  return text.substr(begin, end - begin);
}

std::vector<Text> split(Heap& heap, const Text& text, const Text* separator, std::int64_t limit,
                        bool from_right) {
  heap.touch(text.size());
  // As many one-character parts as there are bytes, in the worst case.
  heap.expect(text.size() * sizeof(Text) / 4);
  if (separator == nullptr) {
    return from_right ? split_at_space_back(text, limit) : split_at_space(text, limit);
  }
  const std::string_view bytes = text.view();
  const std::string_view mark = separator->view();
  if (mark.empty()) fail(Fault::kValue, "empty separator");
  std::vector<Text> parts;
  const auto full = [&] { return limit >= 0 && static_cast<std::int64_t>(parts.size()) >= limit; };
  if (!from_right) {
    std::size_t begin = 0;
    for (std::size_t at = bytes.find(mark); at != std::string_view::npos && !full();
         at = bytes.find(mark, begin)) {
      parts.push_back(text.substr(begin, at - begin));
      begin = at + mark.size();
    }
    parts.push_back(text.substr(begin));
    return parts;
  }
  std::size_t end = bytes.size();
  while (!full() && end >= mark.size()) {
    const std::size_t at = bytes.rfind(mark, end - mark.size());
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(at + mark.size(), end - at - mark.size()));
    end = at;
  }
  parts.push_back(text.substr(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Text replace(Heap& heap, const Text& text, const Text& old, const Text& replacement,
             std::int64_t limit) {
  TextBuilder out(heap);
  const std::string_view bytes = text.view();
  std::int64_t left = limit < 0 ? std::numeric_limits<std::int64_t>::max() : limit;
  std::size_t begin = 0;
  if (old.empty()) {
    while (left-- > 0) {
      heap.step();
      out.add(replacement);
      if (begin >= bytes.size()) return out.take();
      out.add(text, begin, utf8_width(bytes, begin));
      begin += utf8_width(bytes, begin);
    }
    out.add(text, begin);
    return out.take();
  }
  for (std::size_t at = bytes.find(old.view()); at != std::string_view::npos && left-- > 0;
       at = bytes.find(old.view(), begin)) {
    heap.step();
    out.add(text, begin, at - begin);
    out.add(replacement);
    begin = at + old.size();
  }
  out.add(text, begin);
  return out.take();
}

Text join(Heap& heap, const Text& separator, const std::vector<Text>& parts) {
  TextBuilder out(heap);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.add(separator);
    out.add(parts[i]);
  }
  return out.take();
}

Text pad(Heap& heap, const Text& text, std::int64_t width, Side side, const Text& fill) {
  if (count_code_points(fill.view()) != 1) {
    fail(Fault::kType, "the fill character must be exactly one character long");
  }
  const auto length = static_cast<std::int64_t>(count_code_points(text.view()));
  if (width <= length) return text;
  const std::int64_t room = width - length;
  heap.expect(static_cast<std::size_t>(std::min<std::int64_t>(room, std::int64_t{1} << 40)) *
              fill.size());
  // Python's centre puts the odd one left where the width is odd.
  const std::int64_t left = side == Side::kLeft    ? 0
                            : side == Side::kRight ? room
                                                   : room / 2 + (room & width & 1);
  TextBuilder out(heap);
  for (std::int64_t i = 0; i < left; ++i) out.add(fill);
  out.add(text);
  for (std::int64_t i = left; i < room; ++i) out.add(fill);
  return out.take();
}

std::optional<Int> parse_int(std::string_view text, int base) {
  if (base != 0 && (base < 2 || base > 36)) {
    fail(Fault::kValue, "int() base must be >= 2 and <= 36, or 0");
  }
  text = trim(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  struct Prefix {
    char letter;
    int base;
  };
  bool prefixed = false;
  for (const auto& [letter, value] : {Prefix{'x', 16}, Prefix{'o', 8}, Prefix{'b', 2}}) {
    if (text.size() < 2 || text[0] != '0' || (text[1] | 0x20) != letter) continue;
    if (base != value && base != 0) continue;
    base = value;
    text.remove_prefix(2);
    if (!text.empty() && text[0] == '_') text.remove_prefix(1);
    prefixed = true;
    break;
  }
  const bool by_prefix = base == 0;
  if (base == 0) base = 10;
  Int value = 0;
  bool digit_before = false;
  if (text.empty()) return std::nullopt;
  for (const char c : text) {
    if (c == '_') {
      if (!digit_before) return std::nullopt;
      digit_before = false;
      continue;
    }
    const char lower = static_cast<char>(c | 0x20);
    const int digit = c >= '0' && c <= '9'           ? c - '0'
                      : lower >= 'a' && lower <= 'z' ? lower - 'a' + 10
                                                     : 99;
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(value, Int{base}, &value) ||
        __builtin_add_overflow(value, Int{digit}, &value)) {
      fail(Fault::kArithmetic, "an integer would need more than 128 bits");
    }
    digit_before = true;
  }
  if (!digit_before) return std::nullopt;
  if (by_prefix && !prefixed && text[0] == '0' && value != 0) return std::nullopt;
  return negative ? -value : value;
}

std::optional<double> parse_float(std::string_view text) {
  const auto plain = without_underscores(trim(text));
  if (!plain || plain->empty()) return std::nullopt;
  std::string lower = *plain;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  std::string_view name = lower;
  if (name[0] == '+' || name[0] == '-') name.remove_prefix(1);
  const bool word = name == "inf" || name == "infinity" || name == "nan";
  const bool digits = !name.empty() && name.find_first_not_of("0123456789.e+-") == name.npos;
  if (!word && !digits) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(lower.c_str(), &end);
  if (end != lower.c_str() + lower.size()) return std::nullopt;
  return value;
}

const Text& text_argument(const Value& value, std::string_view what) {
  const Str* str = value.as_str();
  if (str == nullptr) fail(Fault::kType, "{} must be str, not {}", what, type_name(value));
  return str->text;
}

}  // namespace sirocco::jinja
