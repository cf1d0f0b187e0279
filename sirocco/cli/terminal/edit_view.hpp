#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

struct TerminalSize {
  std::size_t columns;
  std::size_t rows;
};

/// What is edited, as rows of a terminal.
struct EditFrame {
  std::vector<std::string> rows;  ///< as they are printed; none is wider than the terminal
  std::size_t row = 0;            ///< of the cursor
  std::size_t column = 0;         ///< of the cursor, less than the terminal's columns
};

/// What stands before the lines of a text.
struct EditPrompts {
  std::string first;
  std::string others;
};

/// Lays a text out: at most the terminal's rows, those around the cursor (a byte offset), the first
/// of them as near to `top` as it goes; `top` becomes the first one's index. Control characters are
/// shown in caret notation, those beyond ASCII as <XX>; tabs are blanks.
EditFrame lay_out(std::string_view text, std::size_t cursor, const EditPrompts& prompts,
                  TerminalSize size, std::size_t& top);

/// Brings frames to a terminal, by control sequences that every terminal with a cursor knows. It
/// writes where the cursor stands when it begins, at a row's beginning, and what changed after
/// that.
class EditView {
 public:
  /// What to write so that the terminal shows the frame.
  std::string draw(const EditFrame& frame, std::size_t columns);
  /// What to write when the terminal has another width now: wipes what was drawn, as far as
  /// terminals agree on where that is.
  std::string wipe(std::size_t columns);
  /// Nothing is drawn, and the cursor stands at a row's beginning.
  void forget();
  /// Where the cursor stands in its row.
  std::size_t column() const { return column_; }

 private:
  void move_to(std::size_t row, std::size_t column, std::string& out);

  std::vector<std::string> drawn_;
  std::size_t columns_ = 0;
  std::size_t row_ = 0;     // of the cursor
  std::size_t column_ = 0;  // columns_: behind the last one
};

}  // namespace sirocco
