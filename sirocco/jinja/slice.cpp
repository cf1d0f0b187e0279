#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

/// Which elements a slice takes: `count` of them from `first` in steps of `step`.
struct SliceRange {
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::size_t count = 0;
  std::int64_t last = 0;  ///< where it stops
};

SliceRange resolve_slice(std::size_t size, const Value& start, const Value& stop,
                         const Value& step) {
  const auto length = static_cast<std::int64_t>(size);
  SliceRange range;
  range.step = step.is_none() ? 1 : to_index(step);
  if (range.step == 0) fail(Fault::kValue, "slice step cannot be zero");
  const bool back = range.step < 0;
  const std::int64_t low = back ? -1 : 0;
  const std::int64_t high = back ? length - 1 : length;
  const auto place = [&](const Value& index, std::int64_t otherwise) {
    if (index.is_none()) return otherwise;
    const std::int64_t at = to_index(index);
    return std::clamp(at < 0 ? at + length : at, low, high);
  };
  range.first = place(start, back ? high : low);
  range.last = place(stop, back ? low : high);
  const std::int64_t span = back ? range.first - range.last : range.last - range.first;
  if (span > 0) range.count = static_cast<std::size_t>((span - 1) / std::abs(range.step) + 1);
  return range;
}

Text slice_text(const Str& str, const SliceRange& range) {
  const Text& text = str.text;
  if (range.count == 0) return {};
  const auto first = static_cast<std::size_t>(range.first);
  if (range.step == 1 && str.ascii()) return text.substr(first, range.count);
  std::vector<std::size_t> starts;  // of each character, and the end
  starts.reserve(str.length + 1);
  for (std::size_t at = 0; at < text.size(); at += utf8_width(text.view(), at)) {
    starts.push_back(at);
  }
  starts.push_back(text.size());
  if (range.step == 1) {
    return text.substr(starts[first], starts[first + range.count] - starts[first]);
  }
  Text out;
  std::int64_t at = range.first;
  for (std::size_t i = 0; i < range.count; ++i, at += range.step) {
    const auto character = static_cast<std::size_t>(at);
    out.append(text, starts[character], starts[character + 1] - starts[character]);
  }
  return out;
}

}  // namespace

Value slice(Heap& heap, const Value& value, const Value& start, const Value& stop,
            const Value& step) {
  if (value.is_undefined()) fail_undefined(value);
  if (const Str* str = value.as_str()) {
    const SliceRange range = resolve_slice(str->length, start, stop, step);
    heap.touch(str->ascii() ? range.count : str->text.size());
    return heap.text(slice_text(*str, range), str->markup);
  }
  if (const List* list = value.as_list()) {
    const SliceRange range = resolve_slice(list->items.size(), start, stop, step);
    heap.expect(range.count * sizeof(Value));
    std::vector<Value> items;
    items.reserve(range.count);
    std::int64_t at = range.first;
    for (std::size_t i = 0; i < range.count; ++i, at += range.step) {
      items.push_back(list->items[static_cast<std::size_t>(at)]);
    }
    return list->is_tuple() ? heap.tuple(std::move(items), value.origin())
                            : heap.list(std::move(items), value.origin());
  }
  if (const Range* range = value.as<Range>()) {
    const SliceRange part =
        resolve_slice(static_cast<std::size_t>(range->length), start, stop, step);
    auto sliced =
        make_object<Range>(heap, 0, range->start + part.first * range->stride,
                           range->stride * part.step, static_cast<Int>(part.count), range->origin);
    sliced->written_stop = range->start + part.last * range->stride;
    return object_value(std::move(sliced));
  }
  fail(Fault::kType, "'{}' object is not subscriptable", type_name(value));
}

std::optional<Value> element(Heap& heap, const Value& value, const Value& index) {
  const auto at = [&](std::size_t size) -> std::optional<std::size_t> {
    std::int64_t position = to_index(index);
    if (position < 0) position += static_cast<std::int64_t>(size);
    if (position < 0 || position >= static_cast<std::int64_t>(size)) return std::nullopt;
    return static_cast<std::size_t>(position);
  };
  if (const List* list = value.as_list()) {
    const auto position = at(list->items.size());
    return position ? std::optional(list->items[*position]) : std::nullopt;
  }
  if (const Str* str = value.as_str()) {
    const auto position = at(str->length);
    if (!position) return std::nullopt;
    heap.touch(str->ascii() ? 1 : str->text.size());
    return heap.text(slice_text(*str, {static_cast<std::int64_t>(*position), 1, 1, 0}),
                     str->markup);
  }
  if (const Range* range = value.as<Range>()) {
    const auto position = at(static_cast<std::size_t>(range->length));
    return position ? std::optional(range->at(static_cast<Int>(*position))) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace sirocco::jinja
