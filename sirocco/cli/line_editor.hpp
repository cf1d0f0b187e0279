#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "sirocco/cli/interrupt.hpp"

namespace sirocco {

/// Reads lines from the terminal with libedit: editing, and a history that outlives the program in
/// a file which only its owner may read. Without a usable file the history lives as long as this.
class LineEditor {
 public:
  struct Line {
    std::string text;  ///< UTF-8, without the newline
  };
  struct Interrupted {};  ///< Ctrl-C; what was typed is forgotten
  struct Ended {};        ///< Ctrl-D on an empty line, or the terminal has gone
  using Input = std::variant<Line, Interrupted, Ended>;

  LineEditor(InterruptGuard& interrupts, const std::filesystem::path& history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /// Shows `prompt` and waits for a line.
  Input read(const std::string& prompt);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sirocco
