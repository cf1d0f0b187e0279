#include <algorithm>
#include <array>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/string.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

const Str& str_of(const Value& self) { return *self.as_str(); }

Value like(Heap& heap, const Value& self, Text text) {
  return heap.text(std::move(text), str_of(self).markup);
}

/// An argument that joins `self`'s text: escaped first where that is markup.
Text joined_argument(Heap& heap, const Value& self, const Value& argument) {
  if (str_of(self).markup) return escape_html(heap, argument);
  return text_argument(argument, "the argument");
}

template <auto F>
Value method_mapped(Runtime& runtime, const Value& self, const Bound&) {
  runtime.heap().touch(4 * str_of(self).text.size());
  return like(runtime.heap(), self, F(str_of(self).text));
}

template <Side kSide>
Value method_strip(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Value characters = arguments.get(0);
  const Text* set = characters.is_none() ? nullptr : &text_argument(characters, "strip arg");
  return like(heap, self, strip(str_of(self).text, kSide, set));
}

Value text_list(Heap& heap, const Value& self, std::vector<Text> parts) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (Text& part : parts) items.push_back(like(heap, self, std::move(part)));
  return heap.list(std::move(items), self.origin());
}

template <bool kFromRight>
Value method_split(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Value separator = arguments.get(0);
  const Text* mark = separator.is_none() ? nullptr : &text_argument(separator, "separator");
  const std::int64_t limit = arguments.has(1) ? to_index(arguments.at(1)) : -1;
  return text_list(heap, self, split(heap, str_of(self).text, mark, limit, kFromRight));
}

Value method_split_lines(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  heap.touch(str_of(self).text.size());
  const bool keep = truthy(heap, arguments.get(0, Value::boolean(false)));
  return text_list(heap, self, split_lines(str_of(self).text, keep));
}

template <bool kFromRight>
Value method_partition(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Text& mark = text_argument(arguments.at(0), "separator");
  if (mark.empty()) fail(Fault::kValue, "empty separator");
  const Text& text = str_of(self).text;
  const std::size_t at =
      kFromRight ? text.view().rfind(mark.view()) : text.view().find(mark.view());
  std::vector<Value> parts;
  if (at == std::string_view::npos) {
    const Value empty = like(heap, self, Text());
    parts = kFromRight ? std::vector<Value>{empty, empty, self}
                       : std::vector<Value>{self, empty, empty};
  } else {
    parts = {like(heap, self, text.substr(0, at)), like(heap, self, text.substr(at, mark.size())),
             like(heap, self, text.substr(at + mark.size()))};
  }
  return heap.tuple(std::move(parts), self.origin());
}

Value method_replace(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Text& old = text_argument(arguments.at(0), "replace() argument 1");
  const Text replacement = joined_argument(heap, self, arguments.at(1));
  const std::int64_t limit = arguments.has(2) ? to_index(arguments.at(2)) : -1;
  return like(heap, self, replace(heap, str_of(self).text, old, replacement, limit));
}

Value method_join(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  TextBuilder out(heap);
  const auto iterator = iterate(heap, arguments.at(0));
  Value item;
  for (bool first = true; iterator->next(item); first = false) {
    heap.step();
    if (!first) out.add(str_of(self).text);
    out.add(joined_argument(heap, self, item));
  }
  return like(heap, self, out.take());
}

/// The part of `self` that start and end arguments pick, and where it begins, in characters.
struct Window {
  Text text;
  std::int64_t begin = 0;
  bool valid = true;
};
Window window(Heap& heap, const Value& self, const Bound& arguments) {
  const Str& str = str_of(self);
  const Value start = arguments.get(1);
  const Value end = arguments.get(2);
  if (start.is_none() && end.is_none()) return {str.text, 0, true};
  const auto length = static_cast<std::int64_t>(str.length);
  std::int64_t begin = start.is_none() ? 0 : to_index(start);
  if (begin < 0) begin = std::max<std::int64_t>(0, begin + length);
  const Value part = slice(heap, self, start, end, Value::none());
  return {str_of(part).text, begin, begin <= length};
}

template <bool kFromRight, bool kMustFind>
Value method_find(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Text& part = text_argument(arguments.at(0), "the argument");
  const Window in = window(heap, self, arguments);
  heap.touch(in.text.size());
  const std::size_t at =
      kFromRight ? in.text.view().rfind(part.view()) : in.text.view().find(part.view());
  if (at == std::string_view::npos || !in.valid) {
    if (kMustFind) fail(Fault::kValue, "substring not found");
    return Value::integer(-1);
  }
  return Value::integer(in.begin +
                        static_cast<Int>(count_code_points(in.text.view().substr(0, at))));
}

Value method_count(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Text& part = text_argument(arguments.at(0), "the argument");
  const Window in = window(heap, self, arguments);
  heap.touch(in.text.size());
  if (!in.valid) return Value::integer(0);
  if (part.empty()) {
    return Value::integer(static_cast<Int>(count_code_points(in.text.view())) + 1);
  }
  Int count = 0;
  for (std::size_t at = in.text.view().find(part.view()); at != std::string_view::npos;
       at = in.text.view().find(part.view(), at + part.size())) {
    ++count;
  }
  return Value::integer(count);
}

template <bool kEnd>
Value method_affix(Runtime& runtime, const Value& self, const Bound& arguments) {
  const Window in = window(runtime.heap(), self, arguments);
  const auto fits = [&](const Value& affix) {
    const Text& text = text_argument(affix, kEnd ? "endswith first arg" : "startswith first arg");
    return in.valid &&
           (kEnd ? in.text.view().ends_with(text.view()) : in.text.view().starts_with(text.view()));
  };
  const List* several = arguments.at(0).as_list();
  if (several == nullptr || !several->is_tuple()) return Value::boolean(fits(arguments.at(0)));
  return Value::boolean(std::any_of(several->items.begin(), several->items.end(), fits));
}

template <bool kEnd>
Value method_remove_affix(Runtime& runtime, const Value& self, const Bound& arguments) {
  const Text& text = str_of(self).text;
  const Text& affix = text_argument(arguments.at(0), "the argument");
  const std::size_t rest = text.size() - std::min(text.size(), affix.size());
  if (kEnd ? text.view().ends_with(affix.view()) : text.view().starts_with(affix.view())) {
    return like(runtime.heap(), self, text.substr(kEnd ? 0 : affix.size(), rest));
  }
  return self;
}

template <Side kSide>
Value method_pad(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Text fill =
      arguments.has(1) ? joined_argument(heap, self, arguments.at(1)) : Text(" ", self.origin());
  return like(heap, self, pad(heap, str_of(self).text, to_index(arguments.at(0)), kSide, fill));
}

Value method_zfill(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Text& text = str_of(self).text;
  const bool sign = text.view().starts_with('-') || text.view().starts_with('+');
  Text out = sign ? text.substr(0, 1) : Text();
  out.append(pad(heap, text.substr(sign ? 1 : 0), to_index(arguments.at(0)) - (sign ? 1 : 0),
                 Side::kRight, Text("0", self.origin())));
  return like(heap, self, std::move(out));
}

Value method_expand_tabs(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const std::int64_t width = arguments.has(0) ? to_index(arguments.at(0)) : 8;
  const Text& text = str_of(self).text;
  TextBuilder out(heap);
  std::int64_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = utf8_width(text.view(), at);
    const char c = text.view()[at];
    if (c == '\t') {
      const std::int64_t fill = width > 0 ? width - column % width : 0;
      heap.expect(static_cast<std::size_t>(fill));
      out.add(std::string(static_cast<std::size_t>(fill), ' '), text.origin_at(at));
      column += fill;
    } else {
      out.add(text, at, bytes);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
    at += bytes;
  }
  return like(heap, self, out.take());
}

template <bool (*kIs)(char32_t), bool kEmpty>
Value method_all(Runtime& runtime, const Value& self, const Bound&) {
  const std::string_view bytes = str_of(self).text.view();
  runtime.heap().touch(bytes.size());
  for (std::size_t at = 0; at < bytes.size(); at += utf8_width(bytes, at)) {
    if (!kIs(code_point_at(bytes, at))) return Value::boolean(false);
  }
  return Value::boolean(kEmpty || !bytes.empty());
}

bool is_ascii(char32_t c) { return c < 0x80; }

template <bool kUpper>
Value method_cased(Runtime&, const Value& self, const Bound&) {
  return Value::boolean(all_cased(str_of(self).text.view(), kUpper));
}

Value method_is_title(Runtime&, const Value& self, const Bound&) {
  const std::string_view bytes = str_of(self).text.view();
  bool any = false;
  bool inside = false;
  for (std::size_t at = 0; at < bytes.size(); at += utf8_width(bytes, at)) {
    const char32_t c = code_point_at(bytes, at);
    const bool capital = is_upper(c) || is_title(c);
    if (capital ? inside : is_lower(c) && !inside) return Value::boolean(false);
    inside = capital || is_lower(c);
    any = any || inside;
  }
  return Value::boolean(any);
}

Value method_is_identifier(Runtime&, const Value& self, const Bound&) {
  return Value::boolean(is_identifier(str_of(self).text.view()));
}

Value method_format(Runtime& runtime, const Value& self, Arguments& arguments) {
  const Str& str = str_of(self);
  return like(runtime.heap(), self,
              brace_format(runtime, str.text, arguments, nullptr, str.markup));
}

Value method_format_map(Runtime& runtime, const Value& self, const Bound& arguments) {
  const Dict* mapping = arguments.at(0).as_dict();
  if (mapping == nullptr) fail(Fault::kType, "format_map needs a dict");
  Arguments none;
  const Str& str = str_of(self);
  return like(runtime.heap(), self, brace_format(runtime, str.text, none, mapping, str.markup));
}

constexpr std::array kStringMethods = {
    Native{"capitalize", {}, 0, method_mapped<capitalize>},
    Native{"casefold", {}, 0, method_mapped<to_case_fold>},
    Native{"center", {"-", "-"}, 1, method_pad<Side::kBoth>},
    Native{"count", {"-", "-", "-"}, 1, method_count},
    Native{"endswith", {"-", "-", "-"}, 1, method_affix<true>},
    Native{"expandtabs", {"tabsize"}, 0, method_expand_tabs},
    Native{"find", {"-", "-", "-"}, 1, method_find<false, false>},
    Native{"format", {}, 0, nullptr, method_format},
    Native{"format_map", {"-"}, 1, method_format_map},
    Native{"index", {"-", "-", "-"}, 1, method_find<false, true>},
    Native{"isalnum", {}, 0, method_all<is_alnum, false>},
    Native{"isalpha", {}, 0, method_all<is_alpha, false>},
    Native{"isascii", {}, 0, method_all<is_ascii, true>},
    Native{"isdecimal", {}, 0, method_all<is_decimal, false>},
    Native{"isdigit", {}, 0, method_all<is_digit, false>},
    Native{"isidentifier", {}, 0, method_is_identifier},
    Native{"islower", {}, 0, method_cased<false>},
    Native{"isnumeric", {}, 0, method_all<is_numeric, false>},
    Native{"isprintable", {}, 0, method_all<is_printable, true>},
    Native{"isspace", {}, 0, method_all<is_space, false>},
    Native{"istitle", {}, 0, method_is_title},
    Native{"isupper", {}, 0, method_cased<true>},
    Native{"join", {"-"}, 1, method_join},
    Native{"ljust", {"-", "-"}, 1, method_pad<Side::kLeft>},
    Native{"lower", {}, 0, method_mapped<to_lower>},
    Native{"lstrip", {"-"}, 0, method_strip<Side::kLeft>},
    Native{"partition", {"-"}, 1, method_partition<false>},
    Native{"removeprefix", {"-"}, 1, method_remove_affix<false>},
    Native{"removesuffix", {"-"}, 1, method_remove_affix<true>},
    Native{"replace", {"-", "-", "-"}, 2, method_replace},
    Native{"rfind", {"-", "-", "-"}, 1, method_find<true, false>},
    Native{"rindex", {"-", "-", "-"}, 1, method_find<true, true>},
    Native{"rjust", {"-", "-"}, 1, method_pad<Side::kRight>},
    Native{"rpartition", {"-"}, 1, method_partition<true>},
    Native{"rsplit", {"sep", "maxsplit"}, 0, method_split<true>},
    Native{"rstrip", {"-"}, 0, method_strip<Side::kRight>},
    Native{"split", {"sep", "maxsplit"}, 0, method_split<false>},
    Native{"splitlines", {"keepends"}, 0, method_split_lines},
    Native{"startswith", {"-", "-", "-"}, 1, method_affix<false>},
    Native{"strip", {"-"}, 0, method_strip<Side::kBoth>},
    Native{"swapcase", {}, 0, method_mapped<swap_case>},
    Native{"title", {}, 0, method_mapped<to_title>},
    Native{"upper", {}, 0, method_mapped<to_upper>},
    Native{"zfill", {"-"}, 1, method_zfill},
};

}  // namespace

std::span<const Native> string_methods() { return kStringMethods; }

}  // namespace sirocco::jinja
