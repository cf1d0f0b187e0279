#include <algorithm>
#include <array>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/string.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

/// Python's textwrap over one paragraph; positions are characters.
class Wrapper {
 public:
  Wrapper(Heap& heap, const Text& text, std::size_t width, bool break_words, bool break_hyphens)
      : heap_(heap),
        text_(text),
        width_(width),
        break_words_(break_words),
        break_hyphens_(break_hyphens) {
    heap.expect(text.size() * (sizeof(char32_t) + sizeof(std::size_t)));
    for (std::size_t at = 0; at < text.size(); at += utf8_width(text.view(), at)) {
      starts_.push_back(at);
      characters_.push_back(code_point_at(text.view(), at));
    }
    starts_.push_back(text.size());
  }

  std::vector<Text> run() {
    std::vector<Text> lines;
    std::vector<Chunk> chunks = split();
    std::reverse(chunks.begin(), chunks.end());
    while (!chunks.empty()) {
      heap_.step();
      if (!lines.empty() && blank(chunks.back())) chunks.pop_back();
      std::vector<Chunk> line;
      std::size_t length = 0;
      while (!chunks.empty() && length + chunks.back().size() <= width_) {
        length += chunks.back().size();
        line.push_back(chunks.back());
        chunks.pop_back();
      }
      if (!chunks.empty() && chunks.back().size() > width_) long_word(chunks, line, length);
      if (!line.empty() && blank(line.back())) line.pop_back();
      if (line.empty()) continue;
      const std::size_t begin = starts_[line.front().begin];
      lines.push_back(text_.substr(begin, starts_[line.back().end] - begin));
    }
    return lines;
  }

 private:
  struct Chunk {
    std::size_t begin;
    std::size_t end;
    std::size_t size() const { return end - begin; }
  };

  static bool is_white(char32_t c) { return (c >= 0x09 && c <= 0x0D) || c == U' '; }
  bool white(std::size_t at) const { return is_white(characters_[at]); }
  bool hyphen(std::size_t at) const { return at < characters_.size() && characters_[at] == U'-'; }
  bool letter(std::size_t at) const {
    return at < characters_.size() && is_word(characters_[at]) && !is_decimal(characters_[at]);
  }
  /// A word's character, or what may stand before a dash.
  bool before_dash(std::size_t at) const {
    const char32_t c = characters_[at];
    return is_word(c) || (c < 0x80 && std::string_view("!\"'&.,?").find(static_cast<char>(c)) !=
                                          std::string_view::npos);
  }
  bool blank(const Chunk& chunk) const {
    return std::all_of(characters_.begin() + static_cast<std::ptrdiff_t>(chunk.begin),
                       characters_.begin() + static_cast<std::ptrdiff_t>(chunk.end), is_space);
  }

  /// The end of two or more dashes between words that start at `at`, or `at`.
  std::size_t dashes(std::size_t at) const {
    if (at == 0 || !hyphen(at) || !before_dash(at - 1)) return at;
    std::size_t end = at;
    while (hyphen(end)) ++end;
    const bool word = end < characters_.size() && is_word(characters_[end]);
    return end - at >= 2 && word ? end : at;
  }

  /// Whether a word may be broken after the hyphen at `at`.
  bool breakable_hyphen(std::size_t at) const {
    if (!hyphen(at) || at < 2) return false;
    const bool after_word = (letter(at - 1) && letter(at - 2)) ||
                            (at >= 3 && before_dash(at - 1) && hyphen(at - 2) && letter(at - 3));
    return after_word && letter(at + 1) && letter(hyphen(at + 2) ? at + 3 : at + 2);
  }

  std::size_t chunk_end(std::size_t begin) const {
    std::size_t end = begin;
    if (white(begin)) {
      while (end < characters_.size() && white(end)) ++end;
      return end;
    }
    if (break_hyphens_) {
      if (const std::size_t dash = dashes(begin); dash != begin) return dash;
    }
    for (end = begin + 1; end < characters_.size() && !white(end); ++end) {
      if (!break_hyphens_) continue;
      if (breakable_hyphen(end)) return end + 1;
      if (dashes(end) != end) return end;
    }
    return end;
  }

  std::vector<Chunk> split() const {
    std::vector<Chunk> chunks;
    for (std::size_t at = 0; at < characters_.size();) {
      heap_.step();
      const std::size_t end = chunk_end(at);
      chunks.push_back({at, end});
      at = end;
    }
    return chunks;
  }

  void long_word(std::vector<Chunk>& chunks, std::vector<Chunk>& line, std::size_t length) const {
    Chunk& word = chunks.back();
    if (!break_words_) {
      if (!line.empty()) return;
      line.push_back(word);
      chunks.pop_back();
      return;
    }
    std::size_t end = word.begin + (width_ - length);
    if (break_hyphens_) {
      std::size_t last = end;
      while (last > word.begin && !hyphen(last - 1)) --last;
      bool other = false;
      for (std::size_t at = word.begin; at + 1 < last; ++at) other = other || !hyphen(at);
      if (last > word.begin + 1 && other) end = last;
    }
    line.push_back({word.begin, end});
    word.begin = end;
  }

  Heap& heap_;
  const Text& text_;
  std::size_t width_;
  bool break_words_;
  bool break_hyphens_;
  std::vector<std::size_t> starts_;
  std::vector<char32_t> characters_;
};

Value filter_wordwrap(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Text& text = text_argument(self, "wordwrap's value");
  const std::int64_t width = arguments.has(0) ? to_index(arguments.at(0)) : 79;
  if (width <= 0) fail(Fault::kValue, "wordwrap needs a width above 0");
  const bool break_words = truthy(heap, arguments.get(1, Value::boolean(true)));
  const Value given = arguments.get(2);
  const Text newline =
      given.is_none() ? Text("\n", text.origin()) : text_argument(given, "wrapstring");
  const bool break_hyphens = truthy(heap, arguments.get(3, Value::boolean(true)));
  std::vector<Text> paragraphs;
  for (const Text& line : split_lines(text, false)) {
    Wrapper wrapper(heap, line, static_cast<std::size_t>(width), break_words, break_hyphens);
    paragraphs.push_back(join(heap, newline, wrapper.run()));
  }
  return heap.text(join(heap, newline, paragraphs));
}

Value filter_urlize(Runtime&, const Value&, Arguments&) {
  fail(Fault::kRuntime, "the filter 'urlize' is not supported: it makes links for web pages");
}

constexpr std::array kFilters = {
    Native{"urlize", {}, 0, nullptr, filter_urlize},
    Native{"wordwrap",
           {"width", "break_long_words", "wrapstring", "break_on_hyphens"},
           0,
           filter_wordwrap},
};

}  // namespace

std::span<const Native> wrap_filters() { return kFilters; }

}  // namespace sirocco::jinja
