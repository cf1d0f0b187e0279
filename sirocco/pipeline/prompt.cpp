#include "sirocco/pipeline/prompt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/random.hpp"
#include "sirocco/pipeline/token_checks.hpp"

namespace sirocco {
namespace {

/// Depends on all that was folded into it.
std::uint64_t folded(std::uint64_t state, std::uint64_t value) {
  const auto bits = philox(
      state, {static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32), 0, 0});
  return std::uint64_t{bits[1]} << 32 | bits[0];
}

/// Equal to no token's.
ContentId content_of_more(std::uint64_t hash) { return ContentId(hash | std::uint64_t{1} << 63); }

/// `what` at a place that isn't its position. Numbers that are all the same count as one.
std::uint64_t placed(std::uint64_t what, std::span<const std::int32_t> numbers) {
  const bool one =
      std::ranges::all_of(numbers, [&](std::int32_t n) { return n == numbers.front(); });
  std::uint64_t hash = what;
  for (const std::int32_t n : numbers.first(one ? 1 : numbers.size()))
    hash = folded(hash, static_cast<std::uint64_t>(n));
  return hash;
}

bool stands_at(std::span<const std::int32_t> numbers, std::int64_t position) {
  return std::ranges::all_of(numbers, [&](std::int32_t n) { return n == position; });
}

}  // namespace

EmbeddedRows::EmbeddedRows(std::int64_t width, std::vector<float> values,
                           std::optional<EmbeddingKey> key)
    : width_(width),
      rows_(width < 1 ? 0 : std::ssize(values) / width),
      values_(std::move(values)),
      key_(key) {
  if (width_ < 1 || values_.empty() || std::ssize(values_) % width_ != 0) {
    throw InvalidArgument(
        "{} numbers are no embeddings of width {}; expected whole rows, at least one",
        values_.size(), width_);
  }
  const auto strange = std::ranges::find_if(values_, [](float x) { return !std::isfinite(x); });
  if (strange != values_.end()) {
    const std::int64_t at = strange - values_.begin();
    throw InvalidArgument("element {} of embedding {} is {}; expected a finite number", at % width_,
                          at / width_, *strange);
  }
}

EmbeddedRows::EmbeddedRows(std::int64_t width, std::int64_t rows, const EmbeddingKey& key)
    : width_(width), rows_(rows), key_(key) {
  if (width_ < 1 || rows_ < 1)
    throw InvalidArgument("{} embeddings of width {}; expected at least one of each", rows_,
                          width_);
}

void EmbeddedRows::put_in(std::vector<float> values) {
  SIROCCO_CHECK(!is_there() && std::ssize(values) == rows_ * width_);
  values_ = std::move(values);
}

/// Where the rows of a prompt come from, besides its tokens, and how they stand.
struct Prompt::Arrangement {
  struct Run {
    std::int64_t first;  // row
    std::shared_ptr<const EmbeddedRows> rows;
    std::int64_t end() const { return first + rows->rows(); }
  };
  std::int64_t rows = 0;
  std::vector<Run> given;  // ascending
  PromptLayout layout;
  std::vector<ContentId> contents;  // up to the first row that nobody can share
  std::int32_t rotary_shift = 0;    // of what follows

  std::span<const std::int32_t> numbers(std::int64_t first, std::int64_t count) const {
    const auto axes = static_cast<std::size_t>(layout.rotary->axes());
    return layout.rotary->numbers().subspan(static_cast<std::size_t>(first) * axes,
                                            static_cast<std::size_t>(count) * axes);
  }
  void require_layout() const;
  void place_answer();
  void list_contents(std::span<const TokenId> tokens);
  void join_contents();
};

void Prompt::Arrangement::require_layout() const {
  std::int64_t before = 0;
  for (const MutualSpan& span : layout.mutual) {
    if (span.first.value() < before || span.end <= span.first || span.end.value() > rows) {
      throw InvalidArgument(
          "prompt: the positions [{}, {}) can't see each other: expected spans of at least one "
          "position, one behind another, within the {} rows",
          span.first.value(), span.end.value(), rows);
    }
    before = span.end.value();
  }
  if (!layout.rotary) return;
  if (layout.rotary->rows() != rows) {
    throw InvalidArgument("prompt: rotary positions of {} rows for {} rows", layout.rotary->rows(),
                          rows);
  }
  for (const std::int32_t number : layout.rotary->numbers()) {
    if (number >= 0 && number <= kMaxRotaryPosition) continue;
    throw InvalidArgument("prompt: {} is no rotary position; expected one from 0 to {}", number,
                          kMaxRotaryPosition);
  }
}

void Prompt::Arrangement::place_answer() {
  if (!layout.rotary || rows == 0) return;
  const std::int64_t next = std::int64_t{*std::ranges::max_element(layout.rotary->numbers())} + 1;
  rotary_shift = static_cast<std::int32_t>(next - rows);
}

// Each row by itself: what it is, and where it is put.
void Prompt::Arrangement::list_contents(std::span<const TokenId> tokens) {
  contents.reserve(static_cast<std::size_t>(rows));
  auto run = given.begin();
  auto token = tokens.begin();
  for (std::int64_t row = 0; row < rows; ++row) {
    while (run != given.end() && run->end() <= row) ++run;
    const bool is_given = run != given.end() && run->first <= row;
    const bool moved = layout.rotary && !stands_at(numbers(row, 1), row);
    std::uint64_t what = 0;
    if (is_given) {
      const std::optional<EmbeddingKey>& key = run->rows->key();
      if (!key) break;
      what = folded(folded(key->high, key->low), static_cast<std::uint64_t>(row - run->first));
    } else {
      const ContentId own = content_of(*token++);
      if (!moved) {
        contents.push_back(own);
        continue;
      }
      what = own.value();
    }
    contents.push_back(content_of_more(moved ? placed(what, numbers(row, 1)) : what));
  }
}

// A row among some that see each other is what all of them are.
void Prompt::Arrangement::join_contents() {
  const auto known = std::ssize(contents);
  for (const MutualSpan& span : layout.mutual) {
    const auto first = static_cast<std::size_t>(span.first.value());
    if (span.end.value() > known) {
      contents.resize(std::min(contents.size(), first));
      return;
    }
    const auto count = static_cast<std::size_t>(span.end.value()) - first;
    const std::span<ContentId> rows_of = std::span(contents).subspan(first, count);
    std::uint64_t all = count;
    for (const ContentId id : rows_of) all = folded(all, id.value());
    for (std::size_t i = 0; i < count; ++i) rows_of[i] = content_of_more(folded(all, i));
  }
}

Prompt::Prompt(std::vector<Piece> pieces, PromptLayout layout) {
  auto made = std::make_shared<Arrangement>();
  for (Piece& piece : pieces) {
    if (auto* tokens = std::get_if<std::vector<TokenId>>(&piece)) {
      made->rows += std::ssize(*tokens);
      tokens_.insert(tokens_.end(), tokens->begin(), tokens->end());
      continue;
    }
    auto& rows = std::get<std::shared_ptr<const EmbeddedRows>>(piece);
    if (rows == nullptr) {
      throw InvalidArgument("prompt: there are no embeddings where row {} should come from",
                            made->rows);
    }
    const std::int64_t first = made->rows;
    made->rows += rows->rows();
    made->given.push_back({first, std::move(rows)});
  }
  made->layout = std::move(layout);
  made->require_layout();
  if (made->given.empty() && made->layout.mutual.empty() && !made->layout.rotary) return;
  made->place_answer();
  made->list_contents(tokens_);
  made->join_contents();
  arrangement_ = std::move(made);
}

std::int64_t Prompt::rows() const {
  return arrangement_ != nullptr ? arrangement_->rows : std::ssize(tokens_);
}

std::int32_t Prompt::answer_rotary_shift() const {
  return arrangement_ != nullptr ? arrangement_->rotary_shift : 0;
}

TextRows TextRows::part(std::int64_t first, std::int64_t count) const {
  SIROCCO_CHECK(first >= 0 && count >= 0 && first <= count_ - count);
  TextRows out = *this;
  out.first_ += first;
  out.count_ = count;
  const auto tokens_before = [&](std::int64_t rows) {
    std::int64_t given = 0;
    each_given([&](const Given& g) {
      const std::int64_t end = g.first + g.rows();
      given += std::max<std::int64_t>(0, std::min(end, rows) - g.first);
    });
    return rows - given;
  };
  const std::int64_t begin = tokens_before(first);
  out.tokens_ = tokens_.subspan(static_cast<std::size_t>(begin),
                                static_cast<std::size_t>(tokens_before(first + count) - begin));
  return out;
}

TextRows TextRows::with_rotary_shift(std::int32_t shift) const {
  SIROCCO_CHECK(arrangement_ == nullptr);
  TextRows out = *this;
  out.rotary_shift_ = shift;
  return out;
}

std::optional<TextRows::Given> TextRows::given_run(std::size_t run) const {
  if (arrangement_ == nullptr || run >= arrangement_->given.size()) return std::nullopt;
  const Prompt::Arrangement::Run& whole = arrangement_->given[run];
  const std::int64_t first = std::max(whole.first, first_);
  const std::int64_t end = std::max(first, std::min(whole.end(), first_ + count_));
  return Given{first - first_, whole.rows.get(), first - whole.first, end - whole.first};
}

template <class Body>
void TextRows::each_mutual(Body body) const {
  if (arrangement_ == nullptr) return;
  for (const MutualSpan& span : arrangement_->layout.mutual)
    if (span.end.value() > first_ && span.first.value() < first_ + count_) body(span);
}

std::int64_t TextRows::without_cut(std::int64_t rows) const {
  rows = std::clamp<std::int64_t>(rows, 1, count_);
  std::int64_t out = rows;
  each_mutual([&](const MutualSpan& span) {
    const std::int64_t first = span.first.value() - first_;
    const std::int64_t end = span.end.value() - first_;
    if (first < rows && rows < end) out = first > 0 ? first : end;
  });
  return out;
}

void TextRows::list_indivisible(std::vector<IndivisibleRows>& out) const {
  out.clear();
  each_mutual([&](const MutualSpan& span) {
    out.push_back(
        {std::max(span.first.value() - first_, std::int64_t{0}), span.end.value() - first_});
  });
}

void TextRows::require_fit(const PipelineLimits& limits, std::string_view where) const {
  require_tokens(tokens_, limits.vocabulary, where);
  each_given([&](const Given& given) {
    const std::int64_t widest = limits.width * (1 + limits.deep_stack);
    if (given.width() == limits.width || given.width() == widest) return;
    throw InvalidArgument("{}row {} is an embedding of width {}; the model's have {}{}", where,
                          given.first, given.width(), limits.width,
                          widest == limits.width ? "" : fmt::format(" or {}", widest));
  });
  each_mutual([&](const MutualSpan& span) {
    const std::int32_t rows = span.end.value() - span.first.value();
    if (rows <= limits.max_step) return;
    throw InvalidArgument(
        "{}the {} rows from {} on see each other, so that one step has them all; it has {} at most",
        where, rows, span.first.value(), limits.max_step);
  });
  if (arrangement_ == nullptr || !arrangement_->layout.rotary) return;
  const int axes = arrangement_->layout.rotary->axes();
  if (limits.rotary_axes == 0) {
    throw InvalidArgument("{}there are rotary positions, and the model has no rotary encoding",
                          where);
  }
  if (axes != 1 && axes != limits.rotary_axes) {
    throw InvalidArgument(
        "{}rotary positions are of {} numbers a row; the model takes {}", where, axes,
        limits.rotary_axes == 1 ? "1" : fmt::format("1 or {}", limits.rotary_axes));
  }
}

void TextRows::require_step(std::int32_t length) const {
  if (arrangement_ != nullptr && first_ != length) {
    throw InvalidArgument("rows {} and on of a prompt can't follow {} rows", first_, length);
  }
  each_mutual([&](const MutualSpan& span) {
    if (span.end.value() <= first_ + count_) return;
    throw InvalidArgument(
        "a step has the rows [{}, {}) and would cut the rows [{}, {}), which see each other",
        first_, first_ + count_, span.first.value(), span.end.value());
  });
}

SequenceRows TextRows::in_step(SequenceId sequence, Position first) const {
  if (arrangement_ == nullptr) {
    SequenceRows plain(sequence, first, count_);
    return rotary_shift_ == 0 ? std::move(plain)
                              : std::move(plain).with_rotary_shift(rotary_shift_);
  }
  std::vector<MutualSpan> mutual;
  each_mutual([&](const MutualSpan& span) {
    mutual.push_back({std::max(span.first, first), span.end});
  });
  SequenceRows out(sequence, first, count_, std::move(mutual));
  if (!arrangement_->layout.rotary) return out;
  const std::span<const std::int32_t> numbers = arrangement_->numbers(first_, count_);
  return std::move(out).with_rotary(
      RotaryPositions(arrangement_->layout.rotary->axes(), {numbers.begin(), numbers.end()}));
}

void TextRows::list_contents(Position first, std::vector<ContentId>& out) const {
  out.clear();
  if (arrangement_ != nullptr) {
    const auto known = std::ssize(arrangement_->contents);
    const std::int64_t begin = std::min(first_, known);
    out.assign(arrangement_->contents.begin() + begin,
               arrangement_->contents.begin() + std::min(first_ + count_, known));
    return;
  }
  std::int32_t place = first.value() + rotary_shift_;
  for (const TokenId token : tokens_) {
    const ContentId own = content_of(token);
    out.push_back(rotary_shift_ == 0 ? own
                                     : content_of_more(placed(own.value(), std::span(&place, 1))));
    ++place;
  }
}

}  // namespace sirocco
