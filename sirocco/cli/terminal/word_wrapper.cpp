#include "sirocco/cli/terminal/word_wrapper.hpp"

#include <utility>

#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kFence = 3;    // marks that make one
constexpr std::size_t kTabStop = 8;  // columns

/// Blanks at which a line may be broken. (U+00A0, U+2007 and U+202F are there to prevent it.)
constexpr std::u32string_view kBlanks =
    U" \t\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200A\u200B\u205F\u3000";

/// What joins its neighbours.
constexpr std::u32string_view kGlue = U"\u00A0\u2007\u202F\u2060\uFEFF";

/// What doesn't begin a line: closing marks, and kana that belong to the one before (UAX #14).
constexpr std::u32string_view kNotFirst =
    U")]},.!?:;%\u2019\u201D\u00BB\u203A\u2026\u2025\u2030\u2103"
    U"\u3001\u3002\u3005\u3009\u300B\u300D\u300F\u3011\u3015\u3017\u3019\u301B\u301C\u301E\u301F"
    U"\u303B\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087\u308E\u3095\u3096\u309B\u309C"
    U"\u309D\u309E\u30A1\u30A3\u30A5\u30A7\u30A9\u30C3\u30E3\u30E5\u30E7\u30EE\u30F5\u30F6\u30FB"
    U"\u30FC\u30FD\u30FE\uFF01\uFF05\uFF09\uFF0C\uFF0E\uFF1A\uFF1B\uFF1F\uFF3D\uFF5D\uFF5E\uFF60"
    U"\uFF61\uFF63\uFF64\uFF65\uFF70\uFF9E\uFF9F";

/// What doesn't end one: opening marks.
constexpr std::u32string_view kNotLast =
    U"([{$\u2018\u201C\u00AB\u2039\u00A3\u00A5\u3008\u300A\u300C\u300E\u3010\u3014\u3016\u3018"
    U"\u301A\u301D\uFF04\uFF08\uFF3B\uFF5B\uFF5F\uFFE1\uFFE5";

bool one_of(std::u32string_view set, char32_t c) { return set.find(c) != set.npos; }

/// Korean is written with blanks between its words, in wide characters.
bool is_korean(char32_t c) {
  return (c >= 0x1100 && c <= 0x11FF) || (c >= 0x3130 && c <= 0x318F) ||
         (c >= 0xAC00 && c <= 0xD7AF);
}

/// What is written without blanks.
bool stands_alone(char32_t c) {
  ClusterColumns columns;
  columns.push(c);
  return columns.columns() > 1 && !is_korean(c);
}

/// Whether a line may be broken between two clusters with these first characters.
bool may_part(char32_t before, char32_t after) {
  if (!stands_alone(before) && !stands_alone(after)) return false;
  return !one_of(kNotLast, before) && !one_of(kNotFirst, after) && !one_of(kGlue, before) &&
         !one_of(kGlue, after);
}

}  // namespace

void CodeFences::push(char32_t c) {
  const bool blank = c == ' ' || c == '\t';
  if (in_rest_) {
    if (!blank) rest_is_blank_ = false;
    if (c == mark_) rest_has_mark_ = true;
  } else if (run_ == 0 && blank) {
    // Before the marks.
  } else if ((run_ == 0 && (c == '`' || c == '~')) || (run_ > 0 && c == mark_)) {
    mark_ = c;
    ++run_;
  } else {
    in_rest_ = true;
    rest_is_blank_ = blank;
  }
}

void CodeFences::end_line() {
  if (inside()) {
    if (mark_ == open_mark_ && run_ >= open_run_ && rest_is_blank_) open_run_ = 0;
  } else if (run_ >= kFence && !(mark_ == '`' && rest_has_mark_)) {
    open_mark_ = mark_;
    open_run_ = run_;
  }
  mark_ = 0;
  run_ = 0;
  in_rest_ = false;
  rest_is_blank_ = true;
  rest_has_mark_ = false;
}

void WordWrapper::set_columns(int columns) {
  columns_ = columns;
  // Where the terminal's own lines got shorter, the cursor is within one of them.
  if (wraps() && column_ > limit()) column_ = (column_ - 1) % limit() + 1;
}

void WordWrapper::push(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Unit unit = decode_utf8(text, i);
    take(unit.value, text.substr(i, unit.size), out);
    i += unit.size;
  }
}

void WordWrapper::finish(std::string& out) {
  end_cluster(out);
  place_word(out);
  place_blanks(out);
  const int columns = columns_;
  *this = WordWrapper();
  columns_ = columns;
}

void WordWrapper::take(char32_t c, std::string_view bytes, std::string& out) {
  if (c == '\n') return end_line(out);
  if (line_ == Line::kBegins) line_ = kind_with(c);
  fences_.push(c);
  if (line_ == Line::kVerbatim || !wraps()) {
    end_cluster(out);
    place_word(out);
    place_blanks(out);
    out += bytes;
    return;
  }
  if (boundaries_.push(c) || cluster_.empty()) {
    end_cluster(out);
    cluster_base_ = c;
  }
  cluster_ += bytes;
  cluster_columns_.push(c);
}

WordWrapper::Line WordWrapper::kind_with(char32_t c) {
  if (fences_.inside() || (marks_ == 0 && one_of(kBlanks, c))) return Line::kVerbatim;
  if ((marks_ == 0 && (c == '`' || c == '~')) || (marks_ > 0 && c == mark_)) {
    mark_ = c;
    return ++marks_ < kFence ? Line::kBegins : Line::kVerbatim;
  }
  return Line::kProse;
}

void WordWrapper::end_line(std::string& out) {
  end_cluster(out);
  place_word(out);
  place_blanks(out);
  out += '\n';
  column_ = 0;
  line_ = Line::kBegins;
  marks_ = 0;
  boundaries_ = {};
  fences_.end_line();
}

void WordWrapper::end_cluster(std::string& out) {
  if (cluster_.empty()) return;
  const std::string cluster = std::exchange(cluster_, {});
  const int columns = std::exchange(cluster_columns_, {}).columns();
  const bool alone = decode_utf8(cluster, 0).size == cluster.size();
  if (alone && one_of(kBlanks, cluster_base_)) {
    place_word(out);
    blanks_ += cluster;
  } else {
    take_letter(cluster, cluster_base_, columns, out);
  }
}

void WordWrapper::take_letter(std::string_view cluster, char32_t base, int columns,
                              std::string& out) {
  if (last_base_ != 0 && may_part(last_base_, base)) place_word(out);
  last_base_ = base;
  word_ += cluster;
  word_columns_ += static_cast<std::size_t>(columns);
  if (wraps() && !too_wide_ && word_columns_ > limit()) {
    // No row holds it. One of its own breaks it least.
    too_wide_ = true;
    if (column_ > 0) begin_row(out);
  }
  if (too_wide_) write_word(out);
}

void WordWrapper::place_word(std::string& out) {
  if (!word_.empty()) {
    if (wraps() && column_ > 0 && column_behind_blanks() + word_columns_ > limit()) {
      begin_row(out);
    } else {
      place_blanks(out);
    }
    write_word(out);
  }
  too_wide_ = false;
  last_base_ = 0;
}

void WordWrapper::place_blanks(std::string& out) {
  const std::size_t behind = column_behind_blanks();
  if (!wraps() || behind <= limit()) {
    out += blanks_;
    column_ = behind;
  }
  blanks_.clear();
}

void WordWrapper::begin_row(std::string& out) {
  out += '\n';
  column_ = 0;
  blanks_.clear();
}

void WordWrapper::write_word(std::string& out) {
  out += word_;
  column_ += word_columns_;
  if (wraps() && column_ > limit()) column_ = (column_ - 1) % limit() + 1;
  word_.clear();
  word_columns_ = 0;
}

std::size_t WordWrapper::column_behind_blanks() const {
  std::size_t column = column_;
  for (std::size_t i = 0; i < blanks_.size();) {
    const Cluster blank = cluster_at(blanks_, i);
    column = blanks_[i] == '\t' ? (column / kTabStop + 1) * kTabStop
                                : column + static_cast<std::size_t>(blank.columns);
    i += blank.size;
  }
  return column;
}

}  // namespace sirocco
