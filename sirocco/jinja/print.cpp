#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

/// Names of the objects that print as <name ...>.
std::string object_repr(const Object& object) {
  return fmt::format("<{} object>", object.type_name());
}

std::string range_repr(const Range& range) {
  std::string out =
      "range(" + int_to_string(range.start) + ", " + int_to_string(range.written_stop);
  if (range.stride != 1) out += ", " + int_to_string(range.stride);
  return out + ")";
}

class Printer {
 public:
  Printer(Heap& heap, bool sort_keys) : out_(heap), heap_(heap), sort_keys_(sort_keys) {}

  Text take() { return out_.take(); }

  void repr(const Value& value) {
    heap_.step();
    const Origin origin = value.origin();
    if (value.is_undefined()) return out_.add("Undefined", origin);
    if (value.is_none()) return out_.add("None", origin);
    if (const bool* boolean = value.as_bool()) return out_.add(*boolean ? "True" : "False", origin);
    if (value.is_int()) return out_.add(int_to_string(*value.as_int()), origin);
    if (const double* number = value.as_float()) return out_.add(float_to_string(*number), origin);
    if (const Str* str = value.as_str()) {
      if (str->markup) out_.add("Markup(", origin);
      out_.add(quote_text(heap_, str->text));
      if (str->markup) out_.add(")", origin);
      return;
    }
    if (const List* list = value.as_list()) {
      out_.add(list->is_tuple() ? "(" : "[", origin);
      items(list->items, origin);
      if (list->is_tuple() && list->items.size() == 1) out_.add(",", origin);
      return out_.add(list->is_tuple() ? ")" : "]", origin);
    }
    if (const Dict* dict = value.as_dict()) return entries(*dict, origin);
    const DepthGuard guard(*this);
    if (const Range* range = value.as<Range>()) return out_.add(range_repr(*range), range->origin);
    if (const DictView* view = value.as<DictView>()) {
      std::vector<Value> parts;
      for (std::size_t i = 0; i < view->entries().size(); ++i) {
        parts.push_back(view->item(heap_, i));
      }
      out_.add(view->type_name(), origin);
      out_.add("([", origin);
      items(parts, view->dict.origin());
      return out_.add("])", origin);
    }
    if (const Namespace* names = value.as<Namespace>()) {
      out_.add("<Namespace ", origin);
      entries(names->attributes, origin);
      return out_.add(">", origin);
    }
    if (Described* described = value.as<Described>())
      return out_.add(described->describe(heap_), origin);
    out_.add(object_repr(*value.as_object()), origin);
  }

 private:
  /// Namespaces may hold themselves; everything else is bounded by its depth.
  class DepthGuard {
   public:
    explicit DepthGuard(Printer& printer) : printer_(printer) { checked_depth(++printer.depth_); }
    ~DepthGuard() { --printer_.depth_; }

   private:
    Printer& printer_;
  };

  void items(const std::vector<Value>& values, Origin origin) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out_.add(", ", origin);
      repr(values[i]);
    }
  }

  void entries(const Dict& dict, Origin origin) {
    out_.add("{", origin);
    bool first = true;
    for (const auto& [key, value] : sort_keys_ ? sorted_entries(heap_, dict) : dict.entries()) {
      if (!first) out_.add(", ", origin);
      first = false;
      repr(key);
      out_.add(": ", origin);
      repr(value);
    }
    out_.add("}", origin);
  }

  TextBuilder out_;
  Heap& heap_;
  bool sort_keys_;
  std::size_t depth_ = 0;
};

}  // namespace

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  std::vector<Text> lines;
  const std::string_view bytes = text.view();
  std::size_t start = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const char32_t c = code_point_at(bytes, at);
    std::size_t next = at + utf8_width(bytes, at);
    if (is_line_break(c)) {
      if (c == U'\r' && next < bytes.size() && bytes[next] == '\n') ++next;
      lines.push_back(text.substr(start, (keep_ends ? next : at) - start));
      start = next;
    }
    at = next;
  }
  if (start < bytes.size()) lines.push_back(text.substr(start));
  return lines;
}

std::string int_to_string(Int value) {
  const bool negative = value < 0;
  __extension__ typedef unsigned __int128 Magnitude;
  Magnitude rest =
      negative ? Magnitude{0} - static_cast<Magnitude>(value) : static_cast<Magnitude>(value);
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest != 0);
  return negative ? "-" + digits : digits;
}

std::string float_to_string(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific)
                       .ptr;
  const std::string_view written(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t e = written.find('e');
  std::string mantissa(written.substr(0, e));
  const std::string_view power = written.substr(e + 1);
  int exponent = 0;
  std::from_chars(power.data() + (power[0] == '+' ? 1 : 0), power.data() + power.size(), exponent);
  if (exponent < -4 || exponent >= 16) {
    return fmt::format("{}e{}{:02}", mantissa, exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  const std::string sign = mantissa[0] == '-' ? "-" : "";
  std::string digits;
  for (const char c : mantissa) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  if (exponent < 0) {
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

Text quote_text(Heap& heap, const Text& text) {
  const std::string_view bytes = text.view();
  const bool single = bytes.find('\'') != std::string_view::npos;
  const char quote = single && bytes.find('"') == std::string_view::npos ? '"' : '\'';
  const Origin quotes = text.origin();
  TextBuilder out(heap);
  out.add(std::string_view(&quote, 1), quotes);
  OriginCursor origins(text);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t width = utf8_width(bytes, at);
    const char32_t c = code_point_at(bytes, at);
    const auto code = static_cast<std::uint32_t>(c);
    const Origin origin = origins.at(at);
    if (c == U'\\' || c == static_cast<char32_t>(quote)) {
      out.add("\\", origin);
      out.add(bytes.substr(at, 1), origin);
    } else if (c == U'\n' || c == U'\r' || c == U'\t') {
      out.add(c == U'\n' ? "\\n" : c == U'\r' ? "\\r" : "\\t", origin);
    } else if (c >= 0x20 && c < 0x7F) {
      out.add(bytes.substr(at, 1), origin);
    } else if (is_printable(c)) {
      out.add(bytes.substr(at, width), origin);
    } else {
      out.add(c < 0x100     ? fmt::format("\\x{:02x}", code)
              : c < 0x10000 ? fmt::format("\\u{:04x}", code)
                            : fmt::format("\\U{:08x}", code),
              origin);
    }
    at += width;
  }
  out.add(std::string_view(&quote, 1), quotes);
  return out.take();
}

Text to_text(Heap& heap, const Value& value) {
  if (const Str* str = value.as_str()) return str->text;
  if (value.is_undefined()) return {};
  return to_repr(heap, value);
}

Text to_repr(Heap& heap, const Value& value, bool sort_keys) {
  Printer printer(heap, sort_keys);
  printer.repr(value);
  return printer.take();
}

Text escape_html(Heap& heap, const Value& value) {
  const Str* str = value.as_str();
  if (str != nullptr && str->markup) return str->text;
  const Text text = to_text(heap, value);
  TextBuilder out(heap);
  std::size_t plain_from = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text.view()[at];
    const std::string_view entity = c == '&'    ? "&amp;"
                                    : c == '<'  ? "&lt;"
                                    : c == '>'  ? "&gt;"
                                    : c == '\'' ? "&#39;"
                                    : c == '"'  ? "&#34;"
                                                : "";
    if (entity.empty()) continue;
    out.add(text, plain_from, at - plain_from);
    out.add(entity, text.origin_at(at));
    plain_from = at + 1;
  }
  out.add(text, plain_from);
  return out.take();
}

Value soft_string(Heap& heap, const Value& value) {
  return value.as_str() != nullptr ? value : heap.text(to_text(heap, value));
}

}  // namespace sirocco::jinja
