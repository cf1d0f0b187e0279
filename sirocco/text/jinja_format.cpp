#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "sirocco/base/error.hpp"
#include "sirocco/text/jinja_fault.hpp"
#include "sirocco/text/jinja_interpreter.hpp"
#include "sirocco/text/jinja_string.hpp"
#include "sirocco/text/jinja_unicode.hpp"

namespace sirocco::jinja {
namespace {

/// Widths and precisions beyond this are refused.
constexpr std::int64_t kMaxField = 100000;

std::string digits_of(Int value, int base, bool upper) {
  if (base == 10) return int_to_string(value < 0 ? -value : value);
  std::string digits;
  __extension__ typedef unsigned __int128 Magnitude;
  auto rest = static_cast<Magnitude>(value < 0 ? -value : value);
  do {
    const auto digit = static_cast<std::size_t>(rest % static_cast<unsigned>(base));
    digits.insert(digits.begin(), (upper ? "0123456789ABCDEF" : "0123456789abcdef")[digit]);
    rest /= static_cast<unsigned>(base);
  } while (rest != 0);
  return digits;
}

/// |value| in C's notation `letter` (e, f, g and their capitals).
std::string float_digits(double value, char letter, int precision, bool alternate) {
  if (std::isnan(value)) return letter < 'a' ? "NAN" : "nan";
  if (std::isinf(value)) return letter < 'a' ? "INF" : "inf";
  const std::string format = std::string("%") + (alternate ? "#" : "") + ".*" + letter;
  std::string out(static_cast<std::size_t>(precision) + 400, '\0');
  const int length =
      std::snprintf(out.data(), out.size(), format.c_str(), precision, std::abs(value));
  out.resize(static_cast<std::size_t>(std::max(length, 0)));
  return out;
}

// ---- "format" % values

struct Conversion {
  bool left = false;
  bool plus = false;
  bool space = false;
  bool zero = false;
  bool alternate = false;
  std::int64_t width = 0;
  std::int64_t precision = -1;
};

class PercentFormat {
 public:
  PercentFormat(Heap& heap, const Str& format, const Value& arguments)
      : heap_(heap),
        format_(format.text),
        bytes_(format_.view()),
        markup_(format.markup),
        out_(heap),
        arguments_(arguments) {
    const List* list = arguments.as_list();
    tuple_ = list != nullptr && list->is_tuple() ? list : nullptr;
    // Whatever has items can be a mapping, so that it may stay unused.
    mapping_ = tuple_ == nullptr && arguments.as_str() == nullptr &&
               (arguments.as_dict() != nullptr || list != nullptr || arguments.is_undefined());
  }

  Text run() {
    while (at_ < bytes_.size()) {
      const std::size_t percent = bytes_.find('%', at_);
      out_.add(format_, at_, percent == std::string_view::npos ? percent : percent - at_);
      if (percent == std::string_view::npos) break;
      at_ = percent + 1;
      conversion();
    }
    const bool all_used = tuple_ != nullptr ? used_ == tuple_->items.size() : used_ == 1;
    if (!all_used && !mapping_) {
      fail(Fault::kType, "not all arguments converted during string formatting");
    }
    return out_.take();
  }

 private:
  char next() {
    if (at_ >= bytes_.size()) fail(Fault::kValue, "incomplete format");
    return bytes_[at_++];
  }

  const Value& argument() {
    if (tuple_ != nullptr) {
      if (used_ < tuple_->items.size()) return tuple_->items[used_++];
    } else if (used_ == 0) {
      used_ = 1;
      return arguments_;
    }
    fail(Fault::kType, "not enough arguments for format string");
  }

  std::int64_t number(char& c) {
    if (c == '*') {
      const std::int64_t value = to_index(argument());
      c = next();
      return value;
    }
    std::int64_t value = 0;
    for (; c >= '0' && c <= '9'; c = next()) {
      value = std::min<std::int64_t>(value * 10 + (c - '0'), kMaxField + 1);
    }
    return value;
  }

  void conversion() {
    Value named;
    bool has_name = false;
    char c = next();
    if (c == '(') {
      std::size_t depth = 1;
      const std::size_t begin = at_;
      while (depth > 0) {
        const char k = next();
        depth += k == '(' ? 1 : k == ')' ? -1 : 0;
      }
      const Text name = format_.substr(begin, at_ - begin - 1);
      if (!mapping_ || arguments_.as_list() != nullptr) {
        fail(Fault::kType, "format requires a mapping");
      }
      if (arguments_.is_undefined()) {
        fail(Fault::kUndefined, "{}", *arguments_.as_undefined()->message);
      }
      const Value* found = arguments_.as_dict()->find(name.view());
      if (found == nullptr) fail(Fault::kLookup, "no key {}", quoted(name.view()));
      named = *found;
      has_name = true;
      c = next();
    }
    Conversion how;
    for (bool more = true; more;) {
      switch (c) {
        case '-':
          how.left = true;
          break;
        case '+':
          how.plus = true;
          break;
        case ' ':
          how.space = true;
          break;
        case '0':
          how.zero = true;
          break;
        case '#':
          how.alternate = true;
          break;
        default:
          more = false;
      }
      if (more) c = next();
    }
    how.width = number(c);
    if (how.width < 0) {
      how.left = true;
      how.width = -how.width;
    }
    if (c == '.') {
      c = next();
      how.precision = std::max<std::int64_t>(0, number(c));
    }
    if (how.width > kMaxField || how.precision > kMaxField) {
      fail(Fault::kLimit, "a field of more than {} characters", kMaxField);
    }
    if (c == 'h' || c == 'l' || c == 'L') c = next();
    if (c == '%') return out_.add("%", format_.origin_at(at_ - 1));
    convert(c, how, has_name ? named : argument());
  }

  void convert(char c, const Conversion& how, const Value& value) {
    const Origin origin = value.origin();
    switch (c) {
      case 's':
      case 'r':
      case 'a': {
        Text text = c == 's'  ? (markup_ ? escape_html(heap_, value) : to_text(heap_, value))
                    : markup_ ? escape_html(heap_, heap_.text(to_repr(heap_, value)))
                              : to_repr(heap_, value);
        if (how.precision >= 0) {
          const Value cut = slice(heap_, heap_.text(std::move(text)), Value::none(),
                                  Value::integer(how.precision), Value::none());
          text = cut.as_str()->text;
        }
        return field(std::move(text), "", how, false);
      }
      case 'c': {
        std::string character;
        if (const auto code = value.as_int()) {
          if (*code < 0 || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) {
            fail(Fault::kArithmetic, "%c arg is no character");
          }
          append_utf8(character, static_cast<char32_t>(*code));
        } else if (const Str* str = value.as_str(); str != nullptr && str->length == 1) {
          character = str->text.bytes();
        } else {
          fail(Fault::kType, "%c requires int or char");
        }
        return field(Text(character, origin), "", how, false);
      }
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o': {
        const bool decimal = c == 'd' || c == 'i' || c == 'u';
        auto integer = value.as_int();
        if (decimal && value.is_float()) integer = float_to_int(*value.as_float());
        if (!integer) {
          fail(Fault::kType, "%{} format: a number is required, not {}", c, type_name(value));
        }
        std::string digits = digits_of(*integer, decimal ? 10 : c == 'o' ? 8 : 16, c == 'X');
        if (static_cast<std::int64_t>(digits.size()) < how.precision) {
          digits.insert(0, static_cast<std::size_t>(how.precision) - digits.size(), '0');
        }
        const std::string prefix = how.alternate && !decimal ? std::string("0") + c : std::string();
        return field(Text(digits, origin), sign(*integer < 0, how) + prefix, how, how.zero);
      }
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': {
        double real = 0;
        if (value.is_number()) {
          real = to_double(value);
        } else {
          fail(Fault::kType, "must be real number, not {}", type_name(value));
        }
        const int precision = how.precision < 0 ? 6 : static_cast<int>(how.precision);
        return field(Text(float_digits(real, c, precision, how.alternate), origin),
                     sign(std::signbit(real) && !std::isnan(real), how), how, how.zero);
      }
      default:
        fail(Fault::kValue, "unsupported format character {}", quoted(std::string_view(&c, 1)));
    }
  }

  static std::string sign(bool negative, const Conversion& how) {
    return negative ? "-" : how.plus ? "+" : how.space ? " " : "";
  }

  void field(Text text, std::string_view sign, const Conversion& how, bool zeros) {
    const Origin origin = text.origin();
    const auto size = static_cast<std::int64_t>(count_code_points(text.view()) + sign.size());
    const auto room = static_cast<std::size_t>(std::max<std::int64_t>(0, how.width - size));
    if (!how.left && !zeros) out_.add(std::string(room, ' '), origin);
    out_.add(sign, origin);
    if (!how.left && zeros) out_.add(std::string(room, '0'), origin);
    out_.add(text);
    if (how.left) out_.add(std::string(room, ' '), origin);
  }

  Heap& heap_;
  const Text& format_;
  std::string_view bytes_;
  bool markup_;
  TextBuilder out_;
  const Value& arguments_;
  const List* tuple_ = nullptr;
  bool mapping_ = false;
  std::size_t used_ = 0;
  std::size_t at_ = 0;
};

// ---- str.format

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

Text format_number(Heap& heap, const Value& value, const Specification& spec) {
  const bool integral = spec.type == 0
                            ? !value.is_float()
                            : std::string_view("dbcoxXn").find(spec.type) != std::string_view::npos;
  const char align =
      spec.align == '0' || spec.align == 0 ? (spec.align == 0 ? '>' : '=') : spec.align;
  const auto sign_of = [&](bool negative) -> std::string {
    if (negative) return "-";
    return spec.sign == '-' ? "" : std::string(1, spec.sign);
  };
  if (integral) {
    if (value.is_float()) {
      fail(Fault::kValue, "unknown format code '{}' for object of type 'float'", spec.type);
    }
    if (spec.precision >= 0) {
      fail(Fault::kValue, "precision not allowed in integer format specifier");
    }
    const Int integer = *value.as_int();
    if (spec.type == 'c') {
      if (integer < 0 || integer > 0x10FFFF || (integer >= 0xD800 && integer < 0xE000)) {
        fail(Fault::kArithmetic, "%c arg is no character");
      }
      std::string character;
      append_utf8(character, static_cast<char32_t>(integer));
      return aligned(heap, spec, "", Text(character, value.origin()),
                     spec.align == 0 ? '<' : align);
    }
    const int base = spec.type == 'b'            ? 2
                     : spec.type == 'o'          ? 8
                     : (spec.type | 0x20) == 'x' ? 16
                                                 : 10;
    if (spec.grouping == ',' && base != 10) fail(Fault::kValue, "cannot specify ',' here");
    std::string digits = digits_of(integer, base, spec.type == 'X');
    digits = grouped(digits, spec.grouping, base == 10 ? 3 : 4);
    std::string sign = sign_of(integer < 0);
    if (spec.alternate && base != 10) sign += std::string("0") + spec.type;
    return aligned(heap, spec, sign, Text(digits, value.origin()), align);
  }
  if (std::string_view("eEfFgG%").find(spec.type) == std::string_view::npos && spec.type != 0) {
    fail(Fault::kValue, "unknown format code '{}'", spec.type);
  }
  double real = to_double(value);
  const bool negative = std::signbit(real) && !std::isnan(real);
  std::string digits;
  const int precision = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
  if (spec.type == '%') {
    real *= 100;
    digits = float_digits(real, 'f', precision, spec.alternate) + "%";
  } else if (spec.type != 0) {
    digits = float_digits(real, spec.type, precision, spec.alternate);
  } else if (spec.precision < 0) {
    digits = float_to_string(std::abs(real));
  } else {
    // Like g, but with a digit after the point, and its exponent from one digit less.
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
      digits = mantissa + scientific.substr(e);
    } else {
      digits = float_digits(real, 'g', significant, false);
      if (digits.find_first_of(".n") == std::string::npos) digits += ".0";
    }
  }
  return aligned(heap, spec, sign_of(negative),
                 Text(grouped(digits, spec.grouping, 3), value.origin()), align);
}

class BraceFormat {
 public:
  BraceFormat(Interpreter& interpreter, const Arguments& arguments, const Dict* mapping,
              bool markup)
      : interpreter_(interpreter),
        heap_(interpreter.heap()),
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
        value = interpreter_.attribute(value, bytes.substr(at + 1, stop - at - 1));
        at = stop;
        continue;
      }
      if (bytes[at] != '[') fail(Fault::kValue, "only '.' or '[' may follow ']' in format field");
      const std::size_t stop = bytes.find(']', at);
      if (stop == std::string_view::npos) fail(Fault::kValue, "missing ']' in format string");
      if (stop == at + 1) fail(Fault::kValue, "empty attribute in format string");
      const std::string_view key = bytes.substr(at + 1, stop - at - 1);
      value =
          interpreter_.item(value, is_digits(key) ? Value::integer(parse_int(key, 10).value_or(0))
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

  Interpreter& interpreter_;
  Heap& heap_;
  const Arguments& arguments_;
  const Dict* mapping_;
  bool markup_;
  std::size_t next_ = 0;
  bool automatic_ = false;
  bool manual_ = false;
};

}  // namespace

Text percent_format(Heap& heap, const Str& format, const Value& arguments) {
  return PercentFormat(heap, format, arguments).run();
}

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

Text brace_format(Interpreter& interpreter, const Text& format, Arguments& arguments,
                  const Dict* mapping, bool markup) {
  return BraceFormat(interpreter, arguments, mapping, markup).run(format, 1);
}

}  // namespace sirocco::jinja
