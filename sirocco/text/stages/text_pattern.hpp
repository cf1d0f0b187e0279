#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/text/stages/added_tokens.hpp"
#include "sirocco/text/stages/split_pattern.hpp"

namespace sirocco {

/// A TextPattern is what a rule of a tokenizer looks for: a text as it stands, any of several texts
/// (the longest at each place), or a regular expression.
class TextPattern {
 public:
  /// `literal` isn't empty.
  explicit TextPattern(std::string literal) : pattern_(std::move(literal)) {}
  explicit TextPattern(SplitPattern regex) : pattern_(std::move(regex)) {}
  explicit TextPattern(AddedTokens texts) : pattern_(std::move(texts)) {}

  /// The text looked for, or null where it isn't a single one.
  const std::string* literal() const noexcept { return std::get_if<std::string>(&pattern_); }

  /// Calls `emit(begin, end)` for each match in `text`, from left to right.
  void find_all(std::string_view text, SplitRun& run,
                FunctionRef<void(std::size_t begin, std::size_t end)> emit) const {
    if (const auto* const regex = std::get_if<SplitPattern>(&pattern_)) {
      regex->find_all(text, run, emit);
      return;
    }
    if (const auto* const texts = std::get_if<AddedTokens>(&pattern_)) {
      texts->find_all(text, {},
                      [&](const AddedTokens::Match& match) { emit(match.begin, match.end); });
      return;
    }
    const std::string& wanted = *literal();
    for (std::size_t at = text.find(wanted); at != std::string_view::npos;
         at = text.find(wanted, at + wanted.size())) {
      emit(at, at + wanted.size());
    }
  }

 private:
  std::variant<std::string, SplitPattern, AddedTokens> pattern_;
};

}  // namespace sirocco
