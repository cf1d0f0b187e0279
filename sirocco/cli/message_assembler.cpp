#include "sirocco/cli/message_assembler.hpp"

#include <utility>

namespace sirocco {
namespace {

constexpr std::string_view kQuotes = "\"\"\"";

std::string_view without_trailing_blanks(std::string_view line) {
  const std::size_t last = line.find_last_not_of(" \t\r");
  return last == std::string_view::npos ? std::string_view{} : line.substr(0, last + 1);
}

/// Quotes on a line of their own: the text ends in the one before.
std::string_view without_last_break(std::string_view text) {
  return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text;
}

}  // namespace

std::optional<TypedMessage> MessageAssembler::push(std::string_view line) {
  if (line.find('\n') != line.npos) return push_lines(line);
  const bool begins = state_ == State::kEmpty;
  if (begins && line.starts_with(kQuotes)) {
    state_ = State::kQuoted;
    line.remove_prefix(kQuotes.size());
    // Quotes on a line of their own: the text begins in the next one.
    if (without_trailing_blanks(line).empty()) {
      fresh_ = true;
      return std::nullopt;
    }
  } else if (!begins && !std::exchange(fresh_, false)) {
    text_ += '\n';
  }
  if (state_ == State::kQuoted) {
    const std::string_view trimmed = without_trailing_blanks(line);
    if (trimmed.ends_with(kQuotes)) {
      text_ += trimmed.substr(0, trimmed.size() - kQuotes.size());
      if (trimmed.size() == kQuotes.size() && text_.ends_with('\n')) text_.pop_back();
      return finish(false);
    }
    text_ += line;
    return std::nullopt;
  }
  if (line.ends_with('\\')) {
    text_ += line.substr(0, line.size() - 1);
    state_ = State::kContinued;
    return std::nullopt;
  }
  text_ += line;
  return finish(begins);
}

std::optional<TypedMessage> MessageAssembler::push_lines(std::string_view lines) {
  if (state_ != State::kEmpty && !std::exchange(fresh_, false)) text_ += '\n';
  const std::string_view trimmed = without_trailing_blanks(lines);
  const bool closes = trimmed.ends_with(kQuotes);
  if (state_ == State::kQuoted) {
    text_ +=
        closes ? without_last_break(trimmed.substr(0, trimmed.size() - kQuotes.size())) : lines;
    if (!closes) return std::nullopt;
  } else if (state_ == State::kEmpty && closes && trimmed.size() >= 2 * kQuotes.size() &&
             trimmed.starts_with(kQuotes)) {
    std::string_view inner = trimmed.substr(kQuotes.size(), trimmed.size() - 2 * kQuotes.size());
    const std::size_t first = inner.find('\n');
    if (without_trailing_blanks(inner.substr(0, first)).empty()) inner.remove_prefix(first + 1);
    text_ += without_last_break(inner);
  } else {
    text_ += lines;
  }
  return finish(false);
}

void MessageAssembler::reset() {
  state_ = State::kEmpty;
  fresh_ = false;
  text_.clear();
}

std::optional<TypedMessage> MessageAssembler::finish(bool one_line) {
  state_ = State::kEmpty;
  fresh_ = false;
  return TypedMessage{std::exchange(text_, {}), one_line};
}

}  // namespace sirocco
