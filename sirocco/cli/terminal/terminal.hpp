#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "sirocco/cli/interrupt.hpp"
#include "sirocco/cli/terminal/edit_view.hpp"

namespace sirocco {

/// Columns and rows of the terminal that standard output is; what COLUMNS and LINES say where the
/// terminal doesn't know, nothing where they don't either.
std::optional<TerminalSize> terminal_size();

/// Whether the terminal understands control sequences: not where TERM is dumb, or nothing.
bool moves_its_cursor();

/// The terminal that a person talks with the program on: standard input, without echo and line
/// by line editing of its own, and standard output. Whatever ends or stops the program, the
/// terminal is as it was before; after a stop it goes on. One at a time in a process.
///
/// A terminal that can't move its cursor keeps its own editing.
class Terminal {
 public:
  explicit Terminal(InterruptGuard& interrupts);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool edits_lines_itself() const { return dumb_; }

  /// From now on every key is a byte to read, and pastes are to be marked: what to write so that
  /// the terminal marks them.
  std::string begin_editing();
  /// From now on the keys for it send signals, and pastes aren't marked: what to write so.
  std::string end_editing();

  enum class Woken {
    kBytes,
    kInterrupt,  ///< Ctrl-C, as a signal
    kResized,
    kContinued,  ///< the program was stopped and goes on
    kGone        ///< the input has ended
  };
  /// Whether there are bytes that `wait` would not have to wait for.
  bool more_waits() const;
  /// Waits for one of them. `burst`: bytes that came together.
  Woken wait(std::string& burst);

  /// Keeps what was typed by now for `wait`. Without it a terminal that has sent much sends no
  /// signals any more.
  void collect();
  void forget_collected();

  /// Stops, or ends, all processes that the terminal's keys stop or end.
  void suspend();
  void quit();

 private:
  using Clock = std::chrono::steady_clock;

  bool receive(std::string& into);

  InterruptGuard& interrupts_;
  bool dumb_;
  std::deque<std::string> bursts_;
  Clock::time_point last_;
  bool gone_ = false;
};

}  // namespace sirocco
