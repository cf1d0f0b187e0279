#include "sirocco/cli/terminal/answer_printer.hpp"

#include "sirocco/cli/input.hpp"
#include "sirocco/cli/terminal/terminal.hpp"
#include "sirocco/cli/terminal_text.hpp"

namespace sirocco {
namespace {

int wrapping_columns() {
  const auto size = terminal_size();
  return size ? static_cast<int>(size->columns) : 0;
}

}  // namespace

void AnswerPrinter::push(std::string_view text) {
  wrapper_.set_columns(wraps ? wrapping_columns() : 0);
  std::string out;
  wrapper_.push(terminal_safe(text), out);
  write(out);
}

void AnswerPrinter::finish() {
  std::string out;
  wrapper_.finish(out);
  write(out);
  if (!at_line_start_) write("\n");
}

void AnswerPrinter::write(const std::string& out) {
  if (out.empty()) return;
  at_line_start_ = out.ends_with('\n');
  write_output(out);
}

}  // namespace sirocco
