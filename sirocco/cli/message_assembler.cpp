#include "sirocco/cli/message_assembler.hpp"

#include <utility>

namespace sirocco {
namespace {

constexpr std::string_view kQuotes = "\"\"\"";

std::string_view without_trailing_blanks(std::string_view line) {
  const std::size_t last = line.find_last_not_of(" \t\r");
  return last == std::string_view::npos ? std::string_view{} : line.substr(0, last + 1);
}

}  // namespace

std::optional<TypedMessage> MessageAssembler::push(std::string_view line) {
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
