#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/jinja/objects.hpp"
#include "sirocco/jinja/operators.hpp"

/// Python's string functions over text that keeps its origins.
namespace sirocco::jinja {

class Runtime;

enum class Side : unsigned char { kLeft, kRight, kBoth };

/// str.strip: white space, or any of the characters of `characters`.
Text strip(const Text& text, Side side, const Text* characters);
/// str.split and str.rsplit; `limit` < 0 for no limit. Without a separator: at runs of white space.
std::vector<Text> split(Heap& heap, const Text& text, const Text* separator, std::int64_t limit,
                        bool from_right);
/// str.replace; `limit` < 0 for all.
Text replace(Heap& heap, const Text& text, const Text& old, const Text& replacement,
             std::int64_t limit);
/// str.join over texts.
Text join(Heap& heap, const Text& separator, const std::vector<Text>& parts);
/// str.center, ljust and rjust: padded to `width` characters. kBoth centres.
Text pad(Heap& heap, const Text& text, std::int64_t width, Side side, const Text& fill);
/// str.format
Text brace_format(Runtime& runtime, const Text& format, Arguments& arguments, const Dict* mapping,
                  bool markup);
/// A number or string under a format specification; `value|s` of str.format.
Text format_value(Heap& heap, const Value& value, const Text& specification);

/// int(text, base); nothing where it isn't one. base 0 goes by the prefix.
std::optional<Int> parse_int(std::string_view text, int base);
/// float(text)
std::optional<double> parse_float(std::string_view text);

/// The text of an argument that must be a string (kType otherwise).
const Text& text_argument(const Value& value, std::string_view what);

}  // namespace sirocco::jinja
