#include <string>
#include <utility>
#include <vector>

#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

constexpr std::size_t kPrettyWidth = 80;

/// pprint's layout: whatever is too wide for its line is broken up, one element a line.
class Pretty {
 public:
  explicit Pretty(Heap& heap) : heap_(heap), out_(heap) {}

  Text take() { return out_.take(); }

  void format(const Value& value, std::size_t indent, std::size_t allowance, std::size_t level) {
    const Text flat = to_repr(heap_, value, true);
    if (count_code_points(flat.view()) + indent + allowance <= kPrettyWidth) return out_.add(flat);
    const Origin origin = value.origin();
    if (const Dict* dict = value.as_dict(); dict != nullptr && dict->size() > 0) {
      out_.add("{", origin);
      const auto entries = sorted_entries(heap_, *dict);
      for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i > 0) new_line(",\n", indent + 1, origin);
        const Text key = to_repr(heap_, entries[i].first);
        out_.add(key);
        out_.add(": ", origin);
        format(entries[i].second, indent + 3 + count_code_points(key.view()),
               i + 1 == entries.size() ? allowance + 1 : 1, level + 1);
      }
      return out_.add("}", origin);
    }
    if (const List* list = value.as_list(); list != nullptr && !list->items.empty()) {
      const std::string_view end = !list->is_tuple() ? "]" : list->items.size() == 1 ? ",)" : ")";
      out_.add(list->is_tuple() ? "(" : "[", origin);
      for (std::size_t i = 0; i < list->items.size(); ++i) {
        if (i > 0) new_line(",\n", indent + 1, origin);
        format(list->items[i], indent + 1, i + 1 == list->items.size() ? allowance + end.size() : 1,
               level + 1);
      }
      return out_.add(end, origin);
    }
    if (const Str* str = value.as_str(); str != nullptr && !str->markup && str->length > 0) {
      return string(str->text, indent, allowance, level);
    }
    out_.add(flat);
  }

 private:
  void new_line(std::string_view before, std::size_t indent, Origin origin) {
    out_.add(before, origin);
    out_.add(std::string(indent, ' '), origin);
  }

  void string(const Text& text, std::size_t indent, std::size_t allowance, std::size_t level) {
    if (level == 1) {
      ++indent;
      ++allowance;
    }
    const std::vector<Text> lines = split_lines(text, true);
    std::vector<Text> chunks;
    const auto fits = [&](const Text& quoted, bool last) {
      return count_code_points(quoted.view()) + indent + (last ? allowance : 0) <= kPrettyWidth;
    };
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const bool last_line = i + 1 == lines.size();
      Text whole = quote_text(heap_, lines[i]);
      if (fits(whole, last_line)) {
        chunks.push_back(std::move(whole));
        continue;
      }
      Text current;
      const std::string_view bytes = lines[i].view();
      for (std::size_t at = 0; at < bytes.size();) {
        std::size_t end = at;  // a word and the space after it
        while (end < bytes.size() && !is_space(code_point_at(bytes, end))) {
          end += utf8_width(bytes, end);
        }
        while (end < bytes.size() && is_space(code_point_at(bytes, end))) {
          end += utf8_width(bytes, end);
        }
        Text candidate = current;
        candidate.append(lines[i], at, end - at);
        if (fits(quote_text(heap_, candidate), last_line && end == bytes.size())) {
          current = std::move(candidate);
        } else {
          if (!current.empty()) chunks.push_back(quote_text(heap_, current));
          current = lines[i].substr(at, end - at);
        }
        at = end;
      }
      if (!current.empty()) chunks.push_back(quote_text(heap_, current));
    }
    const Origin origin = text.origin();
    const bool parentheses = level == 1 && chunks.size() > 1;
    if (parentheses) out_.add("(", origin);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if (i > 0) new_line("\n", indent, origin);
      out_.add(chunks[i]);
    }
    if (parentheses) out_.add(")", origin);
  }

  Heap& heap_;
  TextBuilder out_;
};

}  // namespace

Text to_pretty(Heap& heap, const Value& value) {
  Pretty pretty(heap);
  pretty.format(value, 0, 0, 1);
  return pretty.take();
}

}  // namespace sirocco::jinja
