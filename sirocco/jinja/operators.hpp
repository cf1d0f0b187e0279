#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/jinja/objects.hpp"

/// What Python's operators and built-in functions do to values. All may throw TemplateFault.
namespace sirocco::jinja {

/// Text in the making, held to the heap's limits while it grows.
class TextBuilder {
 public:
  explicit TextBuilder(Heap& heap) : heap_(heap) {}
  TextBuilder(const TextBuilder&) = delete;
  TextBuilder& operator=(const TextBuilder&) = delete;
  ~TextBuilder() { heap_.give(charged_); }
  void add(std::string_view bytes, Origin origin) {
    reserve(bytes.size());
    text_.append(bytes, origin);
  }
  void add(const Text& other, std::size_t begin = 0, std::size_t length = std::string::npos) {
    if (begin >= other.size()) return;
    reserve(std::min(length, other.size() - begin));
    text_.append(other, begin, length);
  }
  std::size_t size() const { return text_.size(); }
  Text take() {
    heap_.give(std::exchange(charged_, 0));
    return std::exchange(text_, Text());
  }

 private:
  void reserve(std::size_t bytes) {
    heap_.touch(bytes);
    const std::size_t size = text_.size() + bytes;
    if (size <= charged_) return;
    const std::size_t more = std::max(size - charged_, charged_);
    heap_.take(more);
    charged_ += more;
  }

  Heap& heap_;
  Text text_;
  std::size_t charged_ = 0;
};

/// Throws what any use of `value`, which is undefined, throws.
[[noreturn]] void fail_undefined(const Value& value);
/// Does so where one of them is undefined.
void require_defined(const Value& a, const Value& b);

/// type(value).__name__
std::string_view type_name(const Value& value);
bool truthy(Heap& heap, const Value& value);
/// len(value)
std::size_t length_of(Heap& heap, const Value& value);
bool has_length(const Value& value);

/// Three-way order of numbers; NaN counts as greater than all others.
int number_order(const Value& a, const Value& b);
bool equals(Heap& heap, const Value& a, const Value& b);
/// a < b
bool less(Heap& heap, const Value& a, const Value& b);
/// a <= b
bool less_equal(Heap& heap, const Value& a, const Value& b);
bool contains(Heap& heap, const Value& container, const Value& item);
/// Whether it can be a key.
bool is_hashable(const Value& value);
/// Python's `is`.
bool same_object(const Value& a, const Value& b);

enum class Binary : unsigned char { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
Value binary(Heap& heap, Binary operation, const Value& a, const Value& b);
Value negate(const Value& value);
Value posit(const Value& value);

/// The number as a double; fails with kType where it isn't a number.
double to_double(const Value& number);
/// An index or count: an int or bool (kType otherwise), clamped to ±2^62.
std::int64_t to_index(const Value& value);
/// int(x) for a float: cut off towards zero. kArithmetic for infinities, kValue for NaN.
Int float_to_int(double value);

/// str(value)
Text to_text(Heap& heap, const Value& value);
/// repr(value); `sort_keys` shows dicts by their keys in rising order.
Text to_repr(Heap& heap, const Value& value, bool sort_keys = false);
std::string int_to_string(Int value);
/// repr() of a float: the shortest digits that read back as the same number.
std::string float_to_string(double value);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool indented = false;
  Text indent;
  Text item_separator;
  Text key_separator;
};
/// json.dumps(value): Python's spacing, order of keys kept.
Text to_json(Heap& heap, const Value& value, const JsonStyle& style);
/// pprint.pformat(value)
Text to_pretty(Heap& heap, const Value& value);

/// str.splitlines()
std::vector<Text> split_lines(const Text& text, bool keep_ends);
/// The text between quotes and with escapes, as repr() of a str shows it.
Text quote_text(Heap& heap, const Text& text);
/// "format" % arguments
Text percent_format(Heap& heap, const Str& format, const Value& arguments);

/// markupsafe.escape(): `markup` values are left as they are.
Text escape_html(Heap& heap, const Value& value);
/// str(value), but a string stays what it is (markup too).
Value soft_string(Heap& heap, const Value& value);

/// value[start:stop:step]; None for what is left out.
Value slice(Heap& heap, const Value& value, const Value& start, const Value& stop,
            const Value& step);
/// value[index] where `index` is an integer: a string's or list's element; nothing out of range.
std::optional<Value> element(Heap& heap, const Value& value, const Value& index);

/// sorted(): stable; `order[i]` are the keys of `items[i]`.
std::vector<Value> sort_by_keys(Heap& heap, std::vector<Value> items,
                                const std::vector<Value>& keys, bool reverse);
/// sorted(dict.items(), key=lambda item: item[0])
std::vector<Dict::Entry> sorted_entries(Heap& heap, const Dict& dict);

}  // namespace sirocco::jinja
