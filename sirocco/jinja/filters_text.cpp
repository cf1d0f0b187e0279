#include <array>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/string.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

/// soft_str(value) and one function of its text; markup stays markup.
template <auto F>
Value mapped(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  const Value text = soft_string(heap, self);
  heap.touch(4 * text.as_str()->text.size());
  return heap.text(F(text.as_str()->text), text.as_str()->markup);
}

/// The title filter's words start after white space and any of -({[<; capitals within are lost.
Text title_words(const Text& text) {
  Text out;
  const std::string_view bytes = text.view();
  const auto separates = [&](std::size_t at) {
    const char32_t c = code_point_at(bytes, at);
    return is_space(c) || (c < 0x80 && std::string_view("-({[<").find(static_cast<char>(c)) !=
                                           std::string_view::npos);
  };
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t end = at;
    const bool gap = separates(at);
    while (end < bytes.size() && separates(end) == gap) end += utf8_width(bytes, end);
    if (gap) {
      out.append(text, at, end - at);
    } else {
      const std::size_t rest = at + utf8_width(bytes, at);
      out.append(to_upper(text.substr(at, rest - at)));
      out.append(to_lower(text.substr(rest, end - rest)));
    }
    at = end;
  }
  return out;
}

Value filter_title(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  const Value text = soft_string(heap, self);
  heap.touch(4 * text.as_str()->text.size());
  return heap.text(title_words(text.as_str()->text));
}

Value filter_trim(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Value text = soft_string(heap, self);
  const Value characters = arguments.get(0);
  const Text* set = characters.is_none() ? nullptr : &text_argument(characters, "strip arg");
  return heap.text(strip(text.as_str()->text, Side::kBoth, set), text.as_str()->markup);
}

Value filter_string(Runtime& runtime, const Value& self, const Bound&) {
  return soft_string(runtime.heap(), self);
}

Value filter_replace(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Value count = arguments.get(2);
  return heap.text(replace(heap, to_text(heap, self), to_text(heap, arguments.at(0)),
                           to_text(heap, arguments.at(1)), count.is_none() ? -1 : to_index(count)));
}

Value filter_center(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Value text = soft_string(heap, self);
  const std::int64_t width = arguments.has(0) ? to_index(arguments.at(0)) : 80;
  return heap.text(pad(heap, text.as_str()->text, width, Side::kBoth, Text(" ", text.origin())),
                   text.as_str()->markup);
}

Value filter_escape(Runtime& runtime, const Value& self, const Bound&) {
  return runtime.heap().text(escape_html(runtime.heap(), self), true);
}

Value filter_force_escape(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  return heap.text(escape_html(heap, heap.text(to_text(heap, self))), true);
}

Value filter_safe(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  return heap.text(to_text(heap, self), true);
}

Value filter_indent(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Str* str = self.as_str();
  if (str == nullptr) fail(Fault::kType, "indent needs a string, not {}", type_name(self));
  const Value width = arguments.get(0, Value::integer(4));
  Text indentation;
  if (const Str* given = width.as_str()) {
    indentation = str->markup ? escape_html(heap, width) : given->text;
  } else {
    const std::int64_t count = std::max<std::int64_t>(0, to_index(width));
    heap.expect(static_cast<std::size_t>(count));
    indentation.append(std::string(static_cast<std::size_t>(count), ' '), Origin::kTemplate);
  }
  const bool first = truthy(heap, arguments.get(1, Value::boolean(false)));
  const bool blank = truthy(heap, arguments.get(2, Value::boolean(false)));
  heap.touch(str->text.size());
  Text text = str->text;
  text.append("\n", Origin::kTemplate);  // an empty last line counts
  TextBuilder out(heap);
  bool leading = true;
  for (const Text& line : split_lines(text, false)) {
    if (!leading) out.add("\n", str->text.origin());
    if (leading ? first : blank || !line.empty()) out.add(indentation);
    out.add(line);
    leading = false;
  }
  return heap.text(out.take(), str->markup);
}

Value filter_truncate(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const std::int64_t length = arguments.has(0) ? to_index(arguments.at(0)) : 255;
  const bool kill_words = truthy(heap, arguments.get(1, Value::boolean(false)));
  const Value end = arguments.get(2, heap.text("...", Origin::kTemplate));
  const Value leeway_given = arguments.get(3);
  const std::int64_t leeway = leeway_given.is_none() ? 5 : to_index(leeway_given);
  const auto end_length = static_cast<std::int64_t>(length_of(heap, end));
  if (length < end_length || leeway < 0) {
    fail(Fault::kValue, "truncate needs a length of at least its end's and a leeway from 0");
  }
  if (static_cast<std::int64_t>(length_of(heap, self)) <= length + leeway) return self;
  Value cut = slice(heap, self, Value::none(), Value::integer(length - end_length), Value::none());
  const Str* str = cut.as_str();
  if (str == nullptr) fail(Fault::kType, "truncate needs a string, not {}", type_name(self));
  if (!kill_words) {
    const Text space(" ", Origin::kTemplate);
    cut = heap.text(split(heap, str->text, &space, 1, true)[0], str->markup);
  }
  return binary(heap, Binary::kAdd, cut, end);
}

Value filter_word_count(Runtime& runtime, const Value& self, const Bound&) {
  const Text text = to_text(runtime.heap(), self);
  const std::string_view bytes = text.view();
  Int words = 0;
  bool inside = false;
  for (std::size_t at = 0; at < bytes.size(); at += utf8_width(bytes, at)) {
    const bool word = is_word(code_point_at(bytes, at));
    if (word && !inside) ++words;
    inside = word;
  }
  return Value::integer(words, text.origin());
}

/// Percent-encoding of UTF-8, as urllib's quote.
void quote_url(TextBuilder& out, const Text& text, bool query) {
  OriginCursor origins(text);
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text.view()[at];
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos ||
                       (c == '/' && !query);
    const Origin origin = origins.at(at);
    if (plain) {
      out.add(std::string_view(&c, 1), origin);
    } else if (query && c == ' ') {
      out.add("+", origin);
    } else {
      out.add(fmt::format("%{:02X}", static_cast<unsigned char>(c)), origin);
    }
  }
}

Value filter_urlencode(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  TextBuilder out(heap);
  if (self.as_str() != nullptr || !is_iterable(self)) {
    quote_url(out, to_text(heap, self), false);
    return heap.text(out.take());
  }
  std::vector<Value> pairs;
  if (const Dict* dict = self.as_dict()) {
    for (const auto& [key, value] : dict->entries()) {
      pairs.push_back(heap.tuple({key, value}, self.origin()));
    }
  } else {
    pairs = to_vector(heap, self);
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::vector<Value> pair = to_vector(heap, pairs[i]);
    if (pair.size() != 2) fail(Fault::kValue, "urlencode needs pairs");
    if (i > 0) out.add("&", self.origin());
    quote_url(out, to_text(heap, pair[0]), true);
    out.add("=", self.origin());
    quote_url(out, to_text(heap, pair[1]), true);
  }
  return heap.text(out.take());
}

Value filter_xmlattr(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Dict* dict = self.as_dict();
  if (dict == nullptr) fail(Fault::kType, "xmlattr needs a dict, not {}", type_name(self));
  TextBuilder out(heap);
  for (const auto& [key, value] : dict->entries()) {
    if (value.is_none() || value.is_undefined()) continue;
    const Text& name = text_argument(key, "an attribute's name");
    if (name.view().find_first_of(" \t\n\v\f\r/>=") != std::string_view::npos) {
      fail(Fault::kValue, "invalid character in an attribute's name");
    }
    if (out.size() > 0) out.add(" ", self.origin());
    out.add(escape_html(heap, key));
    out.add("=\"", self.origin());
    out.add(escape_html(heap, value));
    out.add("\"", self.origin());
  }
  Text text = out.take();
  if (!text.empty() && truthy(heap, arguments.get(0, Value::boolean(true)))) {
    Text spaced(" ", Origin::kTemplate);
    spaced.append(text);
    text = std::move(spaced);
  }
  return heap.text(std::move(text));
}

Value filter_format(Runtime& runtime, const Value& self, Arguments& arguments) {
  Heap& heap = runtime.heap();
  if (!arguments.named.empty() && !arguments.positional.empty()) {
    fail(Fault::kType, "can't handle positional and keyword arguments at the same time");
  }
  const Value format = soft_string(heap, self);
  Value values;
  if (arguments.named.empty()) {
    values = heap.tuple(std::move(arguments.positional), Origin::kTemplate);
  } else {
    Dict named;
    for (auto& [name, value] : arguments.named) {
      named.set(heap.text(name, Origin::kTemplate), std::move(value));
    }
    values = heap.dict(std::move(named), Origin::kTemplate);
  }
  return binary(heap, Binary::kMod, format, values);
}

Value filter_tojson(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  JsonStyle style;
  style.ensure_ascii = truthy(heap, arguments.get(0, Value::boolean(false)));
  style.sort_keys = truthy(heap, arguments.get(3, Value::boolean(false)));
  const Origin origin = self.origin();
  if (const Value indent = arguments.get(1); !indent.is_none()) {
    style.indented = true;
    if (const Str* text = indent.as_str()) {
      style.indent = text->text;
    } else {
      const std::int64_t width = std::clamp<std::int64_t>(to_index(indent), 0, 1 << 20);
      style.indent = Text(std::string(static_cast<std::size_t>(width), ' '), origin);
    }
  }
  style.item_separator = Text(style.indented ? "," : ", ", origin);
  style.key_separator = Text(": ", origin);
  if (const Value separators = arguments.get(2); !separators.is_none()) {
    const std::vector<Value> pair = to_vector(heap, separators);
    if (pair.size() != 2) fail(Fault::kValue, "tojson needs two separators");
    style.item_separator = text_argument(pair[0], "a separator");
    style.key_separator = text_argument(pair[1], "a separator");
  }
  return heap.text(to_json(heap, self, style));
}

Value filter_pprint(Runtime& runtime, const Value& self, const Bound&) {
  return runtime.heap().text(to_pretty(runtime.heap(), self));
}

/// What striptags turns back into text: the five entities that escaping makes, and numbers.
Text unescape_html(Heap& heap, const Text& text) {
  struct Entity {
    std::string_view name;
    std::string_view character;
  };
  constexpr Entity kEntities[] = {
      {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&nbsp;", "\xC2\xA0"}};
  TextBuilder out(heap);
  const std::string_view bytes = text.view();
  for (std::size_t at = 0; at < bytes.size();) {
    std::string character;
    std::size_t length = 0;
    for (const auto& [name, meaning] : kEntities) {
      if (bytes.substr(at, name.size()) != name) continue;
      character = meaning;
      length = name.size();
    }
    if (bytes.substr(at, 2) == "&#") {
      const std::size_t end = bytes.find(';', at);
      const bool hex = at + 2 < bytes.size() && (bytes[at + 2] | 0x20) == 'x';
      const std::size_t begin = at + (hex ? 3 : 2);
      if (end != std::string_view::npos && end > begin && end - begin < 8) {
        const auto code = parse_int(bytes.substr(begin, end - begin), hex ? 16 : 10);
        if (code && *code > 0 && *code < 0x110000 && (*code < 0xD800 || *code > 0xDFFF)) {
          append_utf8(character, static_cast<char32_t>(*code));
          length = end + 1 - at;
        }
      }
    }
    if (length == 0) {
      length = utf8_width(bytes, at);
      out.add(text, at, length);
    } else {
      out.add(character, text.origin_at(at));
    }
    at += length;
  }
  return out.take();
}

Value filter_striptags(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  const Text text = to_text(heap, self);
  const std::string_view bytes = text.view();
  TextBuilder kept(heap);
  std::size_t at = 0;
  for (std::size_t start = bytes.find('<'); start != std::string_view::npos;
       start = bytes.find('<', at)) {
    const bool comment = bytes.substr(start, 4) == "<!--";
    const std::size_t end = comment ? bytes.find("-->", start + 4) : bytes.find('>', start);
    if (end == std::string_view::npos) break;
    kept.add(text, at, start - at);
    at = end + (comment ? 3 : 1);
  }
  kept.add(text, at);
  const Text joined =
      join(heap, Text(" ", text.origin()), split(heap, kept.take(), nullptr, -1, false));
  return heap.text(unescape_html(heap, joined));
}

constexpr std::array kFilters = {
    Native{"capitalize", {}, 0, mapped<capitalize>},
    Native{"center", {"width"}, 0, filter_center},
    Native{"e", {}, 0, filter_escape},
    Native{"escape", {}, 0, filter_escape},
    Native{"forceescape", {}, 0, filter_force_escape},
    Native{"format", {}, 0, nullptr, filter_format},
    Native{"indent", {"width", "first", "blank"}, 0, filter_indent},
    Native{"lower", {}, 0, mapped<to_lower>},
    Native{"pprint", {}, 0, filter_pprint},
    Native{"replace", {"old", "new", "count"}, 2, filter_replace},
    Native{"safe", {}, 0, filter_safe},
    Native{"string", {}, 0, filter_string},
    Native{"striptags", {}, 0, filter_striptags},
    Native{"title", {}, 0, filter_title},
    Native{"tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, 0, filter_tojson},
    Native{"trim", {"chars"}, 0, filter_trim},
    Native{"truncate", {"length", "killwords", "end", "leeway"}, 0, filter_truncate},
    Native{"upper", {}, 0, mapped<to_upper>},
    Native{"urlencode", {}, 0, filter_urlencode},
    Native{"wordcount", {}, 0, filter_word_count},
    Native{"xmlattr", {"autospace"}, 0, filter_xmlattr},
};

}  // namespace

std::span<const Native> text_filters() { return kFilters; }

}  // namespace sirocco::jinja
