#include "sirocco/text/readers/word_lists.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/function_ref.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/flat_index.hpp"
#include "sirocco/text/unicode/char_class.hpp"

namespace sirocco {
namespace {

void require_utf8(std::string_view text, std::string_view origin) {
  const std::size_t good = valid_utf8_prefix(text);
  if (good == text.size()) return;
  const auto line =
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(good), '\n');
  throw FormatError("{}: line {} is not UTF-8", origin, line + 1);
}

void for_each_line(std::string_view text, FunctionRef<void(std::string_view line)> each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    each(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string_view without_blanks_behind(std::string_view line) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < line.size();) {
    const Utf8Unit unit = decode_utf8(line, at);
    at += unit.size;
    if (!is_white_space(unit.value)) end = at;
  }
  return line.substr(0, end);
}

}  // namespace

std::vector<BpeModel::Merge> read_merge_lines(std::string_view text, std::string_view origin) {
  require_utf8(text, origin);
  std::vector<BpeModel::Merge> merges;
  std::size_t number = 0;
  for_each_line(text, [&](std::string_view line) {
    ++number;
    if (line.empty() || line.starts_with("#version")) return;
    const std::size_t space = line.find(' ');
    const bool sound = space != std::string_view::npos && space != 0 && space + 1 < line.size() &&
                       line.find(' ', space + 1) == std::string_view::npos;
    if (!sound) {
      throw FormatError("{}: line {} ({}) is not two tokens with a space between", origin, number,
                        quoted(line));
    }
    merges.push_back({line.substr(0, space), line.substr(space + 1)});
  });
  return merges;
}

VocabularyDraft read_word_lines(std::string_view text, std::string_view origin) {
  require_utf8(text, origin);
  std::vector<std::string_view> words;
  for_each_line(text, [&](std::string_view line) { words.push_back(without_blanks_behind(line)); });
  // From the last, so that of two equal ones the later is in.
  FlatIndex known(words.size());
  std::vector<bool> counts(words.size());
  std::size_t different = 0;
  for (std::size_t id = words.size(); id-- > 0;) {
    const std::uint64_t hash = hash_bytes(words[id], known.seed());
    const bool there = known.find(hash, [&](std::int32_t other) {
      return words[static_cast<std::size_t>(other)] == words[id];
    }) >= 0;
    if (there) continue;
    known.insert(hash, static_cast<std::int32_t>(id));
    counts[id] = true;
    ++different;
  }
  VocabularyDraft vocabulary(std::string(origin), different);
  for (std::size_t id = 0; id < words.size(); ++id) {
    if (counts[id]) vocabulary.put(words[id], id);
  }
  return vocabulary;
}

}  // namespace sirocco
