#include "sirocco/cli/terminal/edit_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "sirocco/base/utf8.hpp"
#include "sirocco/cli/terminal/columns.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kTabStop = 8;
constexpr std::size_t kMinColumns = 8;

/// A cluster as the terminal gets it. Tab and newline aside.
struct Shown {
  std::string text;
  std::size_t columns;
};

Shown shown(std::string_view cluster, int columns) {
  const Utf8Unit unit = decode_utf8(cluster, 0);
  if (unit.value < 0x20 || unit.value == 0x7f)
    return {{'^', static_cast<char>(unit.value ^ 0x40)}, 2};
  if (unit.value >= 0x80 && unit.value < 0xa0)
    return {fmt::format("<{:02X}>", static_cast<unsigned>(unit.value)), 4};
  // A mark without a character, or what only directs: nothing that is sure to show.
  if (columns == 0) return {"", 0};
  return {std::string(cluster), static_cast<std::size_t>(columns)};
}

/// A row of the text: its part, and what stands before it.
struct Row {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view prompt;
};

/// Cuts a text into rows and finds the cursor.
class Layout {
 public:
  Layout(std::string_view text, std::size_t cursor, const EditPrompts& prompts, std::size_t columns)
      : text_(text), cursor_(cursor), prompts_(prompts), columns_(columns) {
    begin_row(0, prompts_.first);
    for (std::size_t i = 0; i < text.size();) {
      note_cursor(i);
      if (text[i] == '\n') {
        rows_.back().end = i;
        begin_row(++i, prompts_.others);
        continue;
      }
      const Cluster cluster = cluster_at(text, i);
      const std::size_t width = width_of(cluster, i);
      if (column_ + width > columns_) begin_row(i, {});
      column_ += width;
      i += cluster.size;
      rows_.back().end = i;
      // What follows, if only the cursor, stands in the next row.
      if (column_ == columns_ && (i == text.size() || text[i] != '\n')) begin_row(i, {});
    }
    note_cursor(text.size());
  }

  std::size_t size() const { return rows_.size(); }
  std::size_t cursor_row() const { return cursor_row_; }
  std::size_t cursor_column() const { return cursor_column_; }

  std::string render(std::size_t row) const {
    const Row& r = rows_[row];
    std::string out(r.prompt);
    std::size_t column = columns_of(r.prompt);
    for (std::size_t i = r.begin; i < r.end;) {
      const Cluster cluster = cluster_at(text_, i);
      if (text_[i] == '\t') {
        const std::size_t width = tab_width(column);
        out.append(width, ' ');
        column += width;
      } else {
        const Shown s = shown(text_.substr(i, cluster.size), cluster.columns);
        out += s.text;
        column += s.columns;
      }
      i += cluster.size;
    }
    return out;
  }

 private:
  void begin_row(std::size_t at, std::string_view prompt) {
    rows_.push_back({at, at, prompt});
    column_ = columns_of(prompt);
  }

  /// The last place that isn't behind the cursor is the cursor's.
  void note_cursor(std::size_t at) {
    if (at > cursor_) return;
    cursor_row_ = rows_.size() - 1;
    cursor_column_ = std::min(column_, columns_ - 1);
  }

  std::size_t tab_width(std::size_t column) const {
    return std::min((column / kTabStop + 1) * kTabStop, columns_) - column;
  }
  std::size_t width_of(const Cluster& cluster, std::size_t at) const {
    if (text_[at] == '\t') return tab_width(column_);
    if (cluster.size == 1 && cluster.columns == 1) return 1;
    return shown(text_.substr(at, cluster.size), cluster.columns).columns;
  }

  std::string_view text_;
  std::size_t cursor_;
  const EditPrompts& prompts_;
  std::size_t columns_;
  std::vector<Row> rows_;
  std::size_t column_ = 0;
  std::size_t cursor_row_ = 0;
  std::size_t cursor_column_ = 0;
};

std::string times(std::size_t count, char direction) {
  return count == 0 ? "" : fmt::format("\x1b[{}{}", count, direction);
}

}  // namespace

EditFrame lay_out(std::string_view text, std::size_t cursor, const EditPrompts& prompts,
                  TerminalSize size, std::size_t& top) {
  const Layout layout(text, cursor, prompts, std::max(size.columns, kMinColumns));
  const std::size_t rows = std::max<std::size_t>(size.rows, 1);
  const std::size_t row = layout.cursor_row();
  const std::size_t last_top = layout.size() > rows ? layout.size() - rows : 0;
  const std::size_t least = row + 1 > rows ? row + 1 - rows : 0;
  top = std::clamp(std::min(top, last_top), least, row);
  EditFrame frame;
  for (std::size_t i = top; i < std::min(top + rows, layout.size()); ++i)
    frame.rows.push_back(layout.render(i));
  frame.row = row - top;
  frame.column = layout.cursor_column();
  return frame;
}

std::string EditView::draw(const EditFrame& frame, std::size_t columns) {
  columns_ = std::max(columns, kMinColumns);
  std::string out;
  for (std::size_t i = 0; i < frame.rows.size(); ++i) {
    const std::string& row = frame.rows[i];
    const bool is_new = i >= drawn_.size();
    if (!is_new && drawn_[i] == row) continue;
    const std::size_t before = is_new ? 0 : columns_of(drawn_[i]);
    if (!is_new && before < columns_ && row.starts_with(drawn_[i])) {
      move_to(i, before, out);
      out += std::string_view(row).substr(drawn_[i].size());
    } else {
      move_to(i, 0, out);
      // Before the row: behind a full one, the erasing would take its last character.
      if (!is_new) out += "\x1b[K";
      out += row;
    }
    column_ = columns_of(row);
    if (is_new) {
      drawn_.push_back(row);
    } else {
      drawn_[i] = row;
    }
  }
  if (frame.rows.size() < drawn_.size()) {
    move_to(frame.rows.size(), 0, out);
    out += "\x1b[J";
    drawn_.resize(frame.rows.size());
  }
  move_to(frame.row, frame.column, out);
  return out;
}

std::string EditView::wipe(std::size_t columns) {
  columns = std::max(columns, kMinColumns);
  // Terminals that fill their lines anew have put each row on as many as it needs now.
  std::size_t above = std::min(column_, columns_ - 1) / columns;
  for (std::size_t i = 0; i < row_; ++i)
    above += std::max<std::size_t>(columns_of(drawn_[i]) + columns - 1, columns) / columns;
  forget();
  return times(above, 'A') + "\r\x1b[J";
}

void EditView::forget() {
  drawn_.clear();
  row_ = 0;
  column_ = 0;
}

void EditView::move_to(std::size_t row, std::size_t column, std::string& out) {
  if (row >= drawn_.size() && !drawn_.empty()) {
    // Rows that aren't there yet are made by line feeds.
    const std::size_t last = drawn_.size() - 1;
    if (row_ < last) out += times(last - row_, 'B');
    row_ = std::max(row_, last);
    while (row_ < row) {
      out += "\r\n";
      column_ = 0;
      ++row_;
    }
  }
  if (row_ != row) {
    out += row < row_ ? times(row_ - row, 'A') : times(row - row_, 'B');
    row_ = row;
  }
  if (column == column_) return;
  if (column + 1 == column_ && column_ < columns_) {
    out += '\b';
  } else {
    out += '\r' + times(column, 'C');
  }
  column_ = column;
}

}  // namespace sirocco
