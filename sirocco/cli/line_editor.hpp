#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/cli/interrupt.hpp"
#include "sirocco/cli/terminal/edit_buffer.hpp"
#include "sirocco/cli/terminal/edit_view.hpp"
#include "sirocco/cli/terminal/history.hpp"
#include "sirocco/cli/terminal/keys.hpp"
#include "sirocco/cli/terminal/terminal.hpp"

namespace sirocco {

/// Reads what a person types on the terminal: one line, or several that were pasted or put together
/// with Alt-Enter, edited as one text, with a history that outlives the program (History). What is
/// typed while nobody reads is kept for the next time.
class LineEditor {
 public:
  struct Line {
    std::string text;  ///< UTF-8, without the newline at its end; others are newlines
  };
  struct Interrupted {};  ///< Ctrl-C; what was typed is forgotten
  struct Ended {};        ///< Ctrl-D on an empty line, or the terminal has gone
  using Input = std::variant<Line, Interrupted, Ended>;

  LineEditor(InterruptGuard& interrupts, const std::filesystem::path& history_file);

  /// Shows `prompt` and waits for a line.
  Input read(const std::string& prompt);

  /// Keeps what was typed by now. To be called now and then while something else goes on, so that
  /// Ctrl-C comes through.
  void collect() { terminal_.collect(); }
  /// What was typed and not read doesn't count any more.
  void forget_typed();

 private:
  void take(std::vector<Key> keys);
  std::optional<Input> press(const Key& key);
  Input leave(Input input, std::string_view mark = {});
  void older();
  void newer();
  /// What to write so that the terminal shows what is edited.
  std::string frame();

  InterruptGuard& interrupts_;
  Terminal terminal_;
  History history_;
  KeyDecoder decoder_;
  std::deque<Key> keys_;  // typed, and not pressed yet
  EditPrompts prompts_;
  EditBuffer buffer_;
  EditView view_;
  std::size_t top_ = 0;    // the first row of the text that is shown
  std::size_t entry_ = 0;  // of the history; its size: the new text
  std::string draft_;      // the new text, while an old one is shown
};

}  // namespace sirocco
