#include "sirocco/cli/terminal/edit_view.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/cli/terminal/columns.hpp"
#include "sirocco/cli/terminal/edit_buffer.hpp"

namespace sirocco {
namespace {

const EditPrompts kPrompts = {">>> ", "... "};

/// A terminal as small as the view needs it; what it doesn't know fails the test.
class Screen {
 public:
  Screen(std::size_t columns, std::size_t rows)
      : columns_(columns), cells_(rows, std::vector<std::string>(columns, " ")) {}

  void feed(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
      if (bytes[i] == '\x1b') {
        i = control(bytes, i + 1);
      } else if (bytes[i] == '\r') {
        column_ = 0;
        ++i;
      } else if (bytes[i] == '\n') {
        line_feed();
        ++i;
      } else if (bytes[i] == '\b') {
        column_ = std::min(column_, columns_ - 1) - 1;
        ++i;
      } else {
        const Cluster cluster = cluster_at(bytes, i);
        put(bytes.substr(i, cluster.size), static_cast<std::size_t>(cluster.columns));
        i += cluster.size;
      }
    }
  }

  std::size_t row() const { return row_; }
  std::size_t column() const { return std::min(column_, columns_ - 1); }
  std::string line(std::size_t row) const {
    std::string out;
    for (const std::string& cell : cells_[row]) out += cell;
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < cells_.size(); ++i) out.push_back(line(i));
    return out;
  }

 private:
  std::size_t control(std::string_view bytes, std::size_t i) {
    EXPECT_EQ(bytes[i], '[');
    std::size_t count = 0;
    for (++i; bytes[i] >= '0' && bytes[i] <= '9'; ++i)
      count = count * 10 + static_cast<std::size_t>(bytes[i] - '0');
    switch (bytes[i]) {
      case 'A':
        EXPECT_LE(count, row_);
        row_ -= count;
        break;
      case 'B':
        row_ += count;
        EXPECT_LT(row_, cells_.size());
        break;
      case 'C':
        column_ += count;
        EXPECT_LT(column_, columns_);
        break;
      case 'K':
        EXPECT_LT(column_, columns_) << "erases the last character";
        std::fill(cells_[row_].begin() + static_cast<std::ptrdiff_t>(column_), cells_[row_].end(),
                  " ");
        break;
      case 'J':
        EXPECT_EQ(column_, 0u);
        for (std::size_t r = row_; r < cells_.size(); ++r)
          std::fill(cells_[r].begin(), cells_[r].end(), " ");
        break;
      default:
        ADD_FAILURE() << "unknown: " << bytes[i];
    }
    return i + 1;
  }

  void line_feed() {
    if (++row_ < cells_.size()) return;
    --row_;
    cells_.erase(cells_.begin());
    cells_.emplace_back(columns_, " ");
  }

  void put(std::string_view text, std::size_t width) {
    ASSERT_GT(width, 0u);
    ASSERT_LE(column_ + width, columns_) << "the terminal would wrap";
    cells_[row_][column_] = text;
    for (std::size_t i = 1; i < width; ++i) cells_[row_][column_ + i].clear();
    column_ += width;
  }

  std::size_t columns_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  std::vector<std::vector<std::string>> cells_;
};

EditFrame framed(std::string_view with_bar, std::size_t columns, std::size_t rows = 10) {
  std::string text(with_bar);
  const std::size_t cursor = text.find('|');
  text.erase(cursor, 1);
  std::size_t top = 0;
  return lay_out(text, cursor, kPrompts, {columns, rows}, top);
}

using Rows = std::vector<std::string>;

TEST(EditView, Rows) {
  struct Case {
    const char* text;
    Rows rows;
    std::size_t row, column;
  };
  const Case cases[] = {
      {"|", {">>> "}, 0, 4},
      {"ab|c", {">>> abc"}, 0, 6},
      {"one\ntw|o\nthree", {">>> one", "... two", "... three"}, 1, 6},
      {"one\n|", {">>> one", "... "}, 1, 4},
      {"abcdef|", {">>> abcdef", ""}, 1, 0},
      {"abcde|f", {">>> abcdef", ""}, 0, 9},
      {"abcdefg|h", {">>> abcdef", "gh"}, 1, 1},
      {"abcdef|\nx", {">>> abcdef", "... x"}, 0, 9},
      {"日本語|", {">>> 日本語", ""}, 1, 0},
      {"a日本語|", {">>> a日本", "語"}, 1, 2},
      {"a\tb|", {">>> a   b"}, 0, 9},
      {"abcde\t|f", {">>> abcde ", "f"}, 1, 0},
      {"\x1b[31m\x7f\r|", {">>> ^[[31m", "^?^M"}, 1, 4},
      {"\u009b|x", {">>> <9B>x"}, 0, 8},
      {"a\u200b\u202e|b", {">>> ab"}, 0, 5},
      {"e\u0301|x", {">>> e\u0301x"}, 0, 5},
  };
  for (const Case& c : cases) {
    const EditFrame frame = framed(c.text, 10);
    EXPECT_EQ(frame.rows, c.rows) << c.text;
    EXPECT_EQ(frame.row, c.row) << c.text;
    EXPECT_EQ(frame.column, c.column) << c.text;
  }
}

TEST(EditView, WhatIsHigherThanTheScreenIsShownAroundTheCursor) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "line " + std::to_string(i) + "\n";
  std::size_t top = 0;
  const auto first_and_last = [&](std::size_t cursor) {
    const EditFrame frame = lay_out(text, cursor, kPrompts, {40, 5}, top);
    EXPECT_EQ(frame.rows.size(), 5u);
    EXPECT_LT(frame.row, 5u);
    return Rows{frame.rows.front(), frame.rows.back()};
  };
  EXPECT_EQ(first_and_last(text.size()), (Rows{"... line 26", "... "}));
  EXPECT_EQ(first_and_last(text.find("line 28")), (Rows{"... line 26", "... "}));
  EXPECT_EQ(first_and_last(text.find("line 20")), (Rows{"... line 20", "... line 24"}));
  EXPECT_EQ(first_and_last(0), (Rows{">>> line 0", "... line 4"}));
  EXPECT_EQ(first_and_last(text.find("line 4")), (Rows{">>> line 0", "... line 4"}));
}

TEST(EditView, TypingWritesWhatIsTyped) {
  EditView view;
  EXPECT_EQ(view.draw(framed("|", 40), 40), ">>> ");
  EXPECT_EQ(view.draw(framed("a|", 40), 40), "a");
  EXPECT_EQ(view.draw(framed("ab|", 40), 40), "b");
  EXPECT_EQ(view.draw(framed("ab|", 40), 40), "");
  EXPECT_EQ(view.draw(framed("a|b", 40), 40), "\b");
}

TEST(EditView, WipingLeavesNothingOfIt) {
  EditView view;
  Screen screen(20, 10);
  screen.feed("before\r\n");
  screen.feed(view.draw(framed("one\ntwo\nthr|ee", 20), 20));
  screen.feed(view.wipe(40));
  EXPECT_EQ(screen.line(0), "before");
  EXPECT_EQ(screen.line(1), "");
  EXPECT_EQ(screen.row(), 1u);
  EXPECT_EQ(view.draw(framed("x|", 40), 40), ">>> x");
  // A terminal that fills its lines anew needs three rows for this one now.
  view.forget();
  view.draw(framed("0123456789012345|", 40), 40);
  EXPECT_EQ(view.wipe(8), "\x1b[2A\r\x1b[J");
}

/// Whatever is typed, the screen is as if the last frame had been drawn on an empty one.
TEST(EditView, DrawingChangesAndDrawingAllAreTheSame) {
  const std::vector<std::string> pieces = {
      "a",  "b c",    "日", "🙂",           "e\u0301",       "\t",
      "\n", "\x1b[A", "🇫🇷", "\u2764\uFE0F", "0123456789012", "x\n\ny\n"};
  std::mt19937 random(7);
  const auto up_to = [&](std::size_t count) { return random() % count; };
  for (int round = 0; round < 150; ++round) {
    const TerminalSize size = {8 + up_to(20), 1 + up_to(8)};
    Screen screen(size.columns, size.rows);
    EditView view;
    EditBuffer buffer;
    std::size_t top = 0;
    for (int step = 0; step < 30; ++step) {
      switch (up_to(8)) {
        case 0:
          buffer.left();
          break;
        case 1:
          buffer.erase_left();
          break;
        case 2:
          buffer.home();
          break;
        case 3:
          buffer.up();
          break;
        case 4:
          buffer.kill_line_left();
          break;
        case 5:
          buffer.set("");
          break;
        default:
          buffer.insert(pieces[up_to(pieces.size())]);
      }
      const EditFrame frame = lay_out(buffer.text(), buffer.cursor(), kPrompts, size, top);
      screen.feed(view.draw(frame, size.columns));
      ASSERT_LE(frame.rows.size(), size.rows);
      // The frame may have scrolled down from the first row.
      const std::size_t begin = screen.row() - frame.row;
      ASSERT_EQ(screen.column(), frame.column);
      for (std::size_t i = 0; i < size.rows; ++i) {
        Screen fresh(size.columns, 1);
        if (i >= begin && i - begin < frame.rows.size()) fresh.feed(frame.rows[i - begin]);
        if (i >= begin) {
          ASSERT_EQ(screen.line(i), fresh.line(0)) << "round " << round;
        }
      }
    }
  }
}

}  // namespace
}  // namespace sirocco
