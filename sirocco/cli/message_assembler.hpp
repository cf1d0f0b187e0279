#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sirocco {

/// What a person typed, put together.
struct TypedMessage {
  std::string text;
  bool one_line = true;  ///< on one line and outside quotes: may be a command
};

/// Makes messages of lines. A line that ends in a backslash goes on in the next one; from a line
/// that begins with """ to one that ends with """ everything belongs to one message. Lines that
/// come together, as they are pasted, are a message as they stand: no more than the quotes around
/// all of them counts.
class MessageAssembler {
 public:
  /// Takes a line without its newline, or lines with newlines between them. The message, when they
  /// complete one.
  std::optional<TypedMessage> push(std::string_view line);
  /// A message has begun and isn't complete.
  bool pending() const { return state_ != State::kEmpty; }
  /// Forgets what has begun.
  void reset();

 private:
  enum class State { kEmpty, kContinued, kQuoted };
  std::optional<TypedMessage> push_lines(std::string_view lines);
  std::optional<TypedMessage> finish(bool one_line);

  State state_ = State::kEmpty;
  bool fresh_ = false;  // quoted, and nothing of the text has been seen
  std::string text_;
};

}  // namespace sirocco
