#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sirocco {

/// A text in the making, of one or several lines, with a cursor between two of its characters
/// (grapheme clusters). What is killed can be put in again.
class EditBuffer {
 public:
  const std::string& text() const { return text_; }
  /// In bytes.
  std::size_t cursor() const { return cursor_; }
  bool empty() const { return text_.empty(); }

  /// Another text, with the cursor at its end.
  void set(std::string text);
  void insert(std::string_view text);

  void left();
  void right();
  void word_left() { cursor_ = word_before(); }
  void word_right() { cursor_ = word_behind(); }
  /// To the beginning of the line; from there, to that of the text.
  void home();
  void end();
  /// To the neighbouring line, as near to the column as it goes. False when there is none.
  bool up();
  bool down();
  void to_end() { cursor_ = text_.size(); }

  void erase_left();
  void erase_right();
  void kill_line_left();
  void kill_line_right();
  void kill_word_left() { kill(word_before(), cursor_); }
  void kill_word_right() { kill(cursor_, word_behind()); }
  void kill_to_blank();
  void yank() { insert(std::string(killed_)); }
  /// Changes the two characters around the cursor, or the last two of the line.
  void transpose();

 private:
  std::size_t before() const;
  std::size_t behind() const;
  std::size_t word_before() const;
  std::size_t word_behind() const;
  std::size_t line_begin(std::size_t at) const;
  std::size_t line_end(std::size_t at) const;
  void to_column(std::size_t line, std::size_t column);
  void erase(std::size_t begin, std::size_t end);
  void kill(std::size_t begin, std::size_t end);

  std::string text_;
  std::size_t cursor_ = 0;
  std::string killed_;
};

}  // namespace sirocco
