#include "sirocco/text/continued_prompt.hpp"

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// What templates' trim takes away, as far as it is ASCII.
constexpr std::string_view kBlanks = " \t\n\r\v\f";

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

}  // namespace

RenderedPrompt continued_prompt(RenderedPrompt prompt, std::string_view message) {
  const std::vector<TextSegment> segments = prompt.segments();
  const auto last =
      std::ranges::find(segments.rbegin(), segments.rend(), false, &TextSegment::trusted);
  const std::string_view said = without_blanks(message);
  if (said.empty() || last == segments.rend() || !without_blanks(last->text).ends_with(said)) {
    throw UnsupportedError(
        "the model's chat template doesn't end with the last message as it stands, so that no "
        "answer can continue it");
  }
  const auto end =
      static_cast<std::size_t>(last->text.data() + last->text.size() - prompt.text.data());
  prompt.text.resize(end);
  std::erase_if(prompt.trusted, [&](const auto& range) { return range.begin >= end; });
  return prompt;
}

}  // namespace sirocco
