#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/digits.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/string.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

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

}  // namespace

Text percent_format(Heap& heap, const Str& format, const Value& arguments) {
  return PercentFormat(heap, format, arguments).run();
}

}  // namespace sirocco::jinja
