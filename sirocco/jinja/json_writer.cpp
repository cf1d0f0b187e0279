#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Heap& heap, const JsonStyle& style) : heap_(heap), out_(heap), style_(style) {}

  Text take() { return out_.take(); }

  void write(const Value& value, std::size_t level) {
    heap_.step();
    const Origin origin = value.origin();
    if (const Str* str = value.as_str()) return string(str->text);
    if (is_plain(value)) return out_.add(plain(value), origin);
    if (const List* list = value.as_list()) {
      out_.add("[", origin);
      for (std::size_t i = 0; i < list->items.size(); ++i) {
        separate(i, level, origin);
        write(list->items[i], level + 1);
      }
      if (!list->items.empty()) new_line(level, origin);
      return out_.add("]", origin);
    }
    if (const Dict* dict = value.as_dict()) {
      out_.add("{", origin);
      std::size_t i = 0;
      for (const auto& [key, item] :
           style_.sort_keys ? sorted_entries(heap_, *dict) : dict->entries()) {
        separate(i++, level, origin);
        if (const Str* str = key.as_str()) {
          string(str->text);
        } else if (is_plain(key)) {
          string(Text(plain(key), key.origin()));
        } else {
          fail(Fault::kType, "keys must be str, int, float, bool or None, not {}", type_name(key));
        }
        out_.add(style_.key_separator);
        write(item, level + 1);
      }
      if (dict->size() > 0) new_line(level, origin);
      return out_.add("}", origin);
    }
    if (value.is_undefined() && !value.as_undefined()->message->empty()) {
      fail(Fault::kType, "Object of type Undefined is not JSON serializable ({})",
           *value.as_undefined()->message);
    }
    fail(Fault::kType, "Object of type {} is not JSON serializable", type_name(value));
  }

 private:
  static bool is_plain(const Value& value) { return value.is_none() || value.is_number(); }

  static std::string plain(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* boolean = value.as_bool()) return *boolean ? "true" : "false";
    if (value.is_int()) return int_to_string(*value.as_int());
    const double number = *value.as_float();
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
    return float_to_string(number);
  }

  void new_line(std::size_t level, Origin origin) {
    if (!style_.indented) return;
    out_.add("\n", origin);
    for (std::size_t i = 0; i < level; ++i) out_.add(style_.indent);
  }

  void separate(std::size_t index, std::size_t level, Origin origin) {
    if (index > 0) out_.add(style_.item_separator);
    new_line(level + 1, origin);
  }

  void string(const Text& text) {
    const Origin quotes = text.origin();
    out_.add("\"", quotes);
    OriginCursor origins(text);
    const std::string_view bytes = text.view();
    std::size_t plain_from = 0;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t width = utf8_width(bytes, at);
      const std::string escaped = escape(code_point_at(bytes, at));
      if (!escaped.empty()) {
        out_.add(text, plain_from, at - plain_from);
        out_.add(escaped, origins.at(at));
        plain_from = at + width;
      }
      at += width;
    }
    if (plain_from < bytes.size()) out_.add(text, plain_from);
    out_.add("\"", quotes);
  }

  std::string escape(char32_t c) const {
    switch (c) {
      case U'"':
        return "\\\"";
      case U'\\':
        return "\\\\";
      case U'\n':
        return "\\n";
      case U'\r':
        return "\\r";
      case U'\t':
        return "\\t";
      case U'\f':
        return "\\f";
      case U'\b':
        return "\\b";
      default:
        break;
    }
    const auto unit = [](char32_t code) {
      return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
    };
    if (c < 0x20) return unit(c);
    if (!style_.ensure_ascii || c < 0x7F) return {};
    if (c < 0x10000) return unit(c);
    return unit(0xD800 + ((c - 0x10000) >> 10)) + unit(0xDC00 + ((c - 0x10000) & 0x3FF));
  }

  Heap& heap_;
  TextBuilder out_;
  const JsonStyle& style_;
};

}  // namespace

Text to_json(Heap& heap, const Value& value, const JsonStyle& style) {
  JsonWriter writer(heap, style);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace sirocco::jinja
