#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sirocco/cli/terminal/columns.hpp"

namespace sirocco {

/// Says which lines of a Markdown text belong to fenced code, character by character.
class CodeFences {
 public:
  /// Takes the next character of the line.
  void push(char32_t c);
  void end_line();
  /// Whether the line stands within a block of code (the fence that opens it doesn't).
  bool inside() const { return open_run_ > 0; }

 private:
  char32_t open_mark_ = 0;
  std::size_t open_run_ = 0;  // 0: no block is open
  // The line so far: blanks, a run of one mark, and the rest.
  char32_t mark_ = 0;
  std::size_t run_ = 0;
  bool in_rest_ = false;
  bool rest_is_blank_ = true;
  bool rest_has_mark_ = false;
};

/// Breaks the lines of a stream of text between words, so that a terminal needn't break them within
/// words. Only whole words leave it: a word that doesn't fit begins the next line, and the blanks
/// before it are left out. Wide characters (CJK, emoji) may be parted from their neighbours, but
/// not from punctuation that belongs to them. A word wider than the terminal is left to the
/// terminal, as are lines that begin with a blank or with a code fence, and all lines of fenced
/// code.
///
/// What comes out is a function of the whole text, however it is cut into pieces.
class WordWrapper {
 public:
  /// Narrower terminals, and those of unknown width, wrap themselves.
  static constexpr int kMinColumns = 10;

  /// The terminal's width from here on; 0 when it isn't known.
  void set_columns(int columns);

  /// Takes well-formed UTF-8 without control characters other than newline and tab, and appends to
  /// `out` what it completes.
  void push(std::string_view text, std::string& out);
  /// Appends what was held back. The next text begins a line of its own.
  void finish(std::string& out);

 private:
  enum class Line {
    kBegins,  // nothing of it was seen, or marks that may become a fence
    kProse,
    kVerbatim
  };

  bool wraps() const { return columns_ >= kMinColumns; }
  std::size_t limit() const { return static_cast<std::size_t>(columns_); }
  void take(char32_t c, std::string_view bytes, std::string& out);
  Line kind_with(char32_t c);
  void end_line(std::string& out);
  void end_cluster(std::string& out);
  void take_letter(std::string_view cluster, char32_t base, int columns, std::string& out);
  void place_word(std::string& out);
  void place_blanks(std::string& out);
  void begin_row(std::string& out);
  void write_word(std::string& out);
  /// Columns of the row with the blanks that wait.
  std::size_t column_behind_blanks() const;

  int columns_ = 0;
  CodeFences fences_;
  Line line_ = Line::kBegins;
  char32_t mark_ = 0;  // what the line begins with, where it may be a fence
  std::size_t marks_ = 0;
  std::size_t column_ = 0;  // of the cursor
  std::string blanks_;      // between the row and the word
  std::string word_;
  std::size_t word_columns_ = 0;
  bool too_wide_ = false;   // the word is, and goes out as it comes
  char32_t last_base_ = 0;  // of the word's last cluster; 0 before the first
  // The cluster that isn't whole yet.
  std::string cluster_;
  char32_t cluster_base_ = 0;
  ClusterBoundaries boundaries_;
  ClusterColumns cluster_columns_;
};

}  // namespace sirocco
