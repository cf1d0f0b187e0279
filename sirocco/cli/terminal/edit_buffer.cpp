#include "sirocco/cli/terminal/edit_buffer.hpp"

#include <utility>

#include "sirocco/cli/terminal/columns.hpp"

namespace sirocco {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

/// Whether the cluster that begins here belongs to a word: letters and digits, and all beyond
/// ASCII.
bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

void EditBuffer::set(std::string text) {
  text_ = std::move(text);
  to_end();
}

void EditBuffer::insert(std::string_view text) {
  text_.insert(cursor_, text);
  cursor_ += text.size();
}

void EditBuffer::left() { cursor_ = before(); }
void EditBuffer::right() { cursor_ = behind(); }

void EditBuffer::home() {
  const std::size_t begin = line_begin(cursor_);
  cursor_ = cursor_ == begin ? 0 : begin;
}

void EditBuffer::end() {
  const std::size_t end = line_end(cursor_);
  cursor_ = cursor_ == end ? text_.size() : end;
}

bool EditBuffer::up() {
  const std::size_t line = line_begin(cursor_);
  if (line == 0) return false;
  const std::size_t column = columns_of(std::string_view(text_).substr(line, cursor_ - line));
  to_column(line_begin(line - 1), column);
  return true;
}

bool EditBuffer::down() {
  const std::size_t end = line_end(cursor_);
  if (end == text_.size()) return false;
  const std::size_t line = line_begin(cursor_);
  const std::size_t column = columns_of(std::string_view(text_).substr(line, cursor_ - line));
  to_column(end + 1, column);
  return true;
}

void EditBuffer::erase_left() { erase(before(), cursor_); }
void EditBuffer::erase_right() { erase(cursor_, behind()); }

void EditBuffer::kill_line_left() {
  const std::size_t begin = line_begin(cursor_);
  // At its beginning: the line break before it.
  kill(begin == cursor_ ? before() : begin, cursor_);
}

void EditBuffer::kill_line_right() {
  const std::size_t end = line_end(cursor_);
  kill(cursor_, end == cursor_ ? behind() : end);
}

void EditBuffer::kill_to_blank() {
  std::size_t begin = cursor_;
  while (begin > 0 && is_blank(text_[begin - 1])) --begin;
  while (begin > 0 && !is_blank(text_[begin - 1])) --begin;
  kill(begin, cursor_);
}

void EditBuffer::transpose() {
  const std::size_t line = line_begin(cursor_);
  const bool at_end = cursor_ == line_end(cursor_);
  const std::size_t middle = at_end ? before() : cursor_;
  if (cursor_ == line || middle <= line) return;
  const std::size_t first = cluster_before(text_, middle);
  const std::size_t last = at_end ? cursor_ : behind();
  const std::string moved = text_.substr(first, middle - first);
  text_.erase(first, moved.size());
  text_.insert(last - moved.size(), moved);
  cursor_ = last;
}

std::size_t EditBuffer::before() const { return cursor_ == 0 ? 0 : cluster_before(text_, cursor_); }

std::size_t EditBuffer::behind() const {
  return cursor_ == text_.size() ? cursor_ : cursor_ + cluster_at(text_, cursor_).size;
}

std::size_t EditBuffer::word_before() const {
  std::size_t at = cursor_;
  while (at > 0 && !in_word(text_[at - 1])) --at;
  while (at > 0 && in_word(text_[at - 1])) --at;
  return at;
}

std::size_t EditBuffer::word_behind() const {
  std::size_t at = cursor_;
  while (at < text_.size() && !in_word(text_[at])) ++at;
  while (at < text_.size() && in_word(text_[at])) ++at;
  return at;
}

std::size_t EditBuffer::line_begin(std::size_t at) const {
  const std::size_t newline = at == 0 ? text_.npos : text_.rfind('\n', at - 1);
  return newline == text_.npos ? 0 : newline + 1;
}

std::size_t EditBuffer::line_end(std::size_t at) const {
  const std::size_t newline = text_.find('\n', at);
  return newline == text_.npos ? text_.size() : newline;
}

void EditBuffer::to_column(std::size_t line, std::size_t column) {
  const std::size_t end = line_end(line);
  std::size_t at = line;
  for (std::size_t passed = 0; at < end;) {
    const Cluster cluster = cluster_at(text_, at);
    passed += static_cast<std::size_t>(cluster.columns);
    if (passed > column) break;
    at += cluster.size;
  }
  cursor_ = at;
}

void EditBuffer::erase(std::size_t begin, std::size_t end) {
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

void EditBuffer::kill(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  killed_ = text_.substr(begin, end - begin);
  erase(begin, end);
}

}  // namespace sirocco
