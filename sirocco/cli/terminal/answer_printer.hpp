#pragma once

#include <string>
#include <string_view>

#include "sirocco/cli/terminal/word_wrapper.hpp"

namespace sirocco {

/// Shows answers on the terminal that standard output is, as they come: without what would steer
/// it, and with lines broken between words at its width of the moment (WordWrapper).
class AnswerPrinter {
 public:
  /// Whether lines are broken between words; the terminal breaks them anywhere otherwise.
  bool wraps = true;

  /// Takes a piece of whole characters. Throws as write_output.
  void push(std::string_view text);
  /// Shows what was held back, and ends the line if there is one.
  void finish();

 private:
  void write(const std::string& out);

  WordWrapper wrapper_;
  bool at_line_start_ = true;
};

}  // namespace sirocco
