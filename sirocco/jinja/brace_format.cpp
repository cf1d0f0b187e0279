#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/digits.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/string.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

struct Specification {
  Text fill;
  char align = 0;
  char sign = '-';
  bool alternate = false;
  std::int64_t width = 0;
  char grouping = 0;
  std::int64_t precision = -1;
  char type = 0;
};

Specification parse_specification(const Text& text) {
  Specification spec;
  const std::string_view bytes = text.view();
  std::size_t at = 0;
  const auto is_align = [&](std::size_t i) {
    return i < bytes.size() && std::string_view("<>=^").find(bytes[i]) != std::string_view::npos;
  };
  const auto number = [&]() -> std::int64_t {
    std::int64_t value = -1;
    for (; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9'; ++at) {
      value = std::max<std::int64_t>(value, 0) * 10 + (bytes[at] - '0');
      if (value > kMaxField) fail(Fault::kLimit, "a field of more than {} characters", kMaxField);
    }
    return value;
  };
  if (!bytes.empty() && is_align(utf8_width(bytes, 0))) {
    const std::size_t width = utf8_width(bytes, 0);
    spec.fill = text.substr(0, width);
    spec.align = bytes[width];
    at = width + 1;
  } else if (is_align(0)) {
    spec.align = bytes[at++];
  }
  if (at < bytes.size() && std::string_view("+- ").find(bytes[at]) != std::string_view::npos) {
    spec.sign = bytes[at++];
  }
  if (at < bytes.size() && bytes[at] == 'z') ++at;
  if (at < bytes.size() && bytes[at] == '#') {
    spec.alternate = true;
    ++at;
  }
  if (at < bytes.size() && bytes[at] == '0') {
    if (spec.fill.empty()) spec.fill = text.substr(at, 1);
    if (spec.align == 0) spec.align = '0';
    ++at;
  }
  spec.width = std::max<std::int64_t>(0, number());
  if (at < bytes.size() && (bytes[at] == ',' || bytes[at] == '_')) spec.grouping = bytes[at++];
  if (at < bytes.size() && bytes[at] == '.') {
    ++at;
    spec.precision = number();
    if (spec.precision < 0) fail(Fault::kValue, "format specifier missing precision");
  }
  if (at < bytes.size()) spec.type = bytes[at++];
  if (at < bytes.size()) fail(Fault::kValue, "invalid format specifier");
  return spec;
}

/// Separators between groups of digits before the point.
std::string grouped(const std::string& digits, char separator, std::size_t group) {
  if (separator == 0) return digits;
  const std::size_t whole =
      std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  std::string out;
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % group == 0) out.push_back(separator);
    out.push_back(digits[i]);
  }
  return out + digits.substr(whole);
}

Text aligned(Heap& heap, const Specification& spec, const std::string& sign, const Text& body,
             char align) {
  const Text fill = spec.fill.empty() ? Text(" ", body.origin()) : spec.fill;
  const auto size = static_cast<std::int64_t>(count_code_points(body.view()) + sign.size());
  const std::int64_t room = std::max<std::int64_t>(0, spec.width - size);
  const std::int64_t left = align == '<' ? 0 : align == '^' ? room / 2 : room;
  TextBuilder out(heap);
  const auto pad = [&](std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) out.add(fill);
  };
  if (align != '=') pad(left);
  out.add(sign, body.origin());
  if (align == '=') pad(left);
  out.add(body);
  pad(room - left);
  return out.take();
}

std::string sign_of(bool negative, const Specification& spec) {
  if (negative) return "-";
  return spec.sign == '-' ? "" : std::string(1, spec.sign);
}

/// How a number is aligned; a bare 0 before the width means behind the sign.
char number_alignment(const Specification& spec) {
  if (spec.align == 0) return '>';
  return spec.align == '0' ? '=' : spec.align;
}

bool is_one_of(char c, std::string_view characters) {
  return characters.find(c) != std::string_view::npos;
}

Text format_character(Heap& heap, Int code_point, Origin origin, const Specification& spec) {
  if (code_point < 0 || code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) {
    fail(Fault::kArithmetic, "%c arg is no character");
  }
  std::string character;
  append_utf8(character, static_cast<char32_t>(code_point));
  return aligned(heap, spec, "", Text(character, origin),
                 spec.align == 0 ? '<' : number_alignment(spec));
}

Text format_integer(Heap& heap, Int integer, Origin origin, const Specification& spec) {
  const int base = spec.type == 'b'            ? 2
                   : spec.type == 'o'          ? 8
                   : (spec.type | 0x20) == 'x' ? 16
                                               : 10;
  if (spec.grouping == ',' && base != 10) fail(Fault::kValue, "cannot specify ',' here");
  std::string digits = digits_of(integer, base, spec.type == 'X');
  digits = grouped(digits, spec.grouping, base == 10 ? 3 : 4);
  std::string sign = sign_of(integer < 0, spec);
  if (spec.alternate && base != 10) sign += std::string("0") + spec.type;
  return aligned(heap, spec, sign, Text(digits, origin), number_alignment(spec));
}

/// The digits of a precision without a type: like g, but with a digit after the point, and its
/// exponent from one digit less.
std::string general_digits(double real, int precision) {
  const int significant = std::max(precision, 1);
  const std::string scientific = float_digits(real, 'e', significant - 1, false);
  const std::size_t e = scientific.find('e');
  const int exponent = e == std::string::npos ? 0 : std::atoi(scientific.c_str() + e + 1);
  if (std::isfinite(real) && (exponent < -4 || exponent >= significant - 1)) {
    std::string mantissa = scientific.substr(0, e);
    if (mantissa.find('.') != std::string::npos) {
      mantissa.erase(mantissa.find_last_not_of('0') + 1);
      if (mantissa.back() == '.') mantissa.pop_back();
    }
    return mantissa + scientific.substr(e);
  }
  std::string digits = float_digits(real, 'g', significant, false);
  if (digits.find_first_of(".n") == std::string::npos) digits += ".0";
  return digits;
}

std::string digits_of_float(double real, const Specification& spec) {
  const int precision = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
  if (spec.type == '%') return float_digits(real * 100, 'f', precision, spec.alternate) + "%";
  if (spec.type != 0) return float_digits(real, spec.type, precision, spec.alternate);
  return spec.precision < 0 ? float_to_string(std::abs(real)) : general_digits(real, precision);
}

Text format_number(Heap& heap, const Value& value, const Specification& spec) {
  const bool integral = spec.type == 0 ? !value.is_float() : is_one_of(spec.type, "dbcoxXn");
  if (integral) {
    if (value.is_float()) {
      fail(Fault::kValue, "unknown format code '{}' for object of type 'float'", spec.type);
    }
    if (spec.precision >= 0) {
      fail(Fault::kValue, "precision not allowed in integer format specifier");
    }
    return spec.type == 'c' ? format_character(heap, *value.as_int(), value.origin(), spec)
                            : format_integer(heap, *value.as_int(), value.origin(), spec);
  }
  if (spec.type != 0 && !is_one_of(spec.type, "eEfFgG%")) {
    fail(Fault::kValue, "unknown format code '{}'", spec.type);
  }
  const double real = to_double(value);
  const bool negative = std::signbit(real) && !std::isnan(real);
  const std::string digits = grouped(digits_of_float(real, spec), spec.grouping, 3);
  return aligned(heap, spec, sign_of(negative, spec), Text(digits, value.origin()),
                 number_alignment(spec));
}

class BraceFormat {
 public:
  BraceFormat(Runtime& runtime, const Arguments& arguments, const Dict* mapping, bool markup)
      : runtime_(runtime),
        heap_(runtime.heap()),
        arguments_(arguments),
        mapping_(mapping),
        markup_(markup) {}

  Text run(const Text& format, int level) {
    if (level > 2) fail(Fault::kValue, "max string recursion exceeded");
    TextBuilder out(heap_);
    const std::string_view bytes = format.view();
    std::size_t at = 0;
    while (at < bytes.size()) {
      const std::size_t brace = bytes.find_first_of("{}", at);
      if (brace == std::string_view::npos) {
        out.add(format, at);
        break;
      }
      out.add(format, at, brace - at);
      if (brace + 1 < bytes.size() && bytes[brace + 1] == bytes[brace]) {
        out.add(format, brace, 1);
        at = brace + 2;
        continue;
      }
      if (bytes[brace] == '}') fail(Fault::kValue, "single '}}' encountered in format string");
      std::size_t depth = 1;
      std::size_t end = brace + 1;
      for (; end < bytes.size() && depth > 0; ++end) {
        depth += bytes[end] == '{' ? 1 : bytes[end] == '}' ? -1 : 0;
      }
      if (depth > 0) fail(Fault::kValue, "expected '}}' before end of string");
      heap_.step();
      out.add(field(format.substr(brace + 1, end - brace - 2), level));
      at = end;
    }
    return out.take();
  }

 private:
  Text field(const Text& source, int level) {
    const std::string_view bytes = source.view();
    // A colon or ! within brackets belongs to the key.
    std::size_t end = 0;
    bool bracket = false;
    for (; end < bytes.size(); ++end) {
      if (bytes[end] == '[') bracket = true;
      if (bytes[end] == ']') bracket = false;
      if (!bracket && (bytes[end] == ':' || bytes[end] == '!')) break;
      if (!bracket && bytes[end] == '{') fail(Fault::kValue, "unexpected '{{' in field name");
    }
    Value value = lookup(source.substr(0, end));
    char conversion = 0;
    if (end < bytes.size() && bytes[end] == '!') {
      if (end + 1 >= bytes.size()) fail(Fault::kValue, "missing conversion character");
      conversion = bytes[end + 1];
      end += 2;
      if (end < bytes.size() && bytes[end] != ':') {
        fail(Fault::kValue, "expected ':' after conversion specifier");
      }
    }
    Text specification;
    if (end < bytes.size()) specification = run(source.substr(end + 1), level + 1);
    switch (conversion) {
      case 0:
        break;
      case 's':
        value = heap_.text(to_text(heap_, value));
        break;
      case 'r':
      case 'a':
        value = heap_.text(to_repr(heap_, value));
        break;
      default:
        fail(Fault::kValue, "unknown conversion specifier");
    }
    const Str* str = value.as_str();
    if (markup_ && str != nullptr && str->markup) {
      if (!specification.empty())
        fail(Fault::kValue, "unsupported format specification for Markup");
      return str->text;
    }
    Text text = format_value(heap_, value, specification);
    return markup_ ? escape_html(heap_, heap_.text(std::move(text))) : text;
  }

  Value lookup(const Text& name) {
    const std::string_view bytes = name.view();
    const std::size_t end = std::min(bytes.find_first_of(".["), bytes.size());
    Value value = first(bytes.substr(0, end));
    std::size_t at = end;
    while (at < bytes.size()) {
      if (bytes[at] == '.') {
        const std::size_t stop = std::min(bytes.find_first_of(".[", at + 1), bytes.size());
        if (stop == at + 1) fail(Fault::kValue, "empty attribute in format string");
        value = runtime_.attribute(value, bytes.substr(at + 1, stop - at - 1));
        at = stop;
        continue;
      }
      if (bytes[at] != '[') fail(Fault::kValue, "only '.' or '[' may follow ']' in format field");
      const std::size_t stop = bytes.find(']', at);
      if (stop == std::string_view::npos) fail(Fault::kValue, "missing ']' in format string");
      if (stop == at + 1) fail(Fault::kValue, "empty attribute in format string");
      const std::string_view key = bytes.substr(at + 1, stop - at - 1);
      value = runtime_.item(value, is_digits(key) ? Value::integer(parse_int(key, 10).value_or(0))
                                                  : heap_.text(key, Origin::kTemplate));
      at = stop + 1;
    }
    return value;
  }

  static bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  }

  Value first(std::string_view name) {
    if (name.empty() || is_digits(name)) {
      if (name.empty() ? manual_ : automatic_) {
        fail(Fault::kValue, "can't mix automatic and manual field numbering");
      }
      (name.empty() ? automatic_ : manual_) = true;
      const Int index = name.empty() ? static_cast<Int>(next_++) : parse_int(name, 10).value_or(0);
      if (index >= static_cast<Int>(arguments_.positional.size())) {
        fail(Fault::kLookup, "replacement index out of range for positional args tuple");
      }
      return arguments_.positional[static_cast<std::size_t>(index)];
    }
    if (mapping_ != nullptr) {
      if (const Value* found = mapping_->find(name)) return *found;
    }
    for (const auto& [key, value] : arguments_.named) {
      if (key == name) return value;
    }
    fail(Fault::kLookup, "the format has no argument {}", quoted(name));
  }

  Runtime& runtime_;
  Heap& heap_;
  const Arguments& arguments_;
  const Dict* mapping_;
  bool markup_;
  std::size_t next_ = 0;
  bool automatic_ = false;
  bool manual_ = false;
};

}  // namespace

Text format_value(Heap& heap, const Value& value, const Text& specification) {
  if (specification.empty()) return to_text(heap, value);
  if (value.is_number()) {
    const Specification spec = parse_specification(specification);
    // A bool prints as its name unless it is asked for as a number.
    return spec.type == 's' ? (fail(Fault::kValue, "unknown format code 's'"), Text())
                            : format_number(heap, value, spec);
  }
  const Str* str = value.as_str();
  if (str == nullptr) {
    fail(Fault::kType, "unsupported format string passed to {}.__format__", type_name(value));
  }
  const Specification spec = parse_specification(specification);
  if ((spec.type != 0 && spec.type != 's') || spec.sign != '-' || spec.alternate ||
      spec.grouping != 0 || spec.align == '=') {
    fail(Fault::kValue, "the format specifier doesn't fit a string");
  }
  Text text = str->text;
  if (spec.precision >= 0) {
    const Value cut =
        slice(heap, value, Value::none(), Value::integer(spec.precision), Value::none());
    text = cut.as_str()->text;
  }
  return aligned(heap, spec, "", text, spec.align == 0 || spec.align == '0' ? '<' : spec.align);
}

Text brace_format(Runtime& runtime, const Text& format, Arguments& arguments, const Dict* mapping,
                  bool markup) {
  return BraceFormat(runtime, arguments, mapping, markup).run(format, 1);
}

}  // namespace sirocco::jinja
