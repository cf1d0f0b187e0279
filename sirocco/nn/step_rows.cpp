#include "sirocco/nn/step_rows.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

RotaryPositions::RotaryPositions(int axes, std::vector<std::int32_t> numbers)
    : axes_(axes), numbers_(std::move(numbers)) {
  if (axes < 1 || axes > kMaxAxes || std::ssize(numbers_) % axes != 0) {
    throw InvalidArgument(
        "{} rotary positions of {} axes; expected as many for every row, of 1 to {} axes",
        numbers_.size(), axes, kMaxAxes);
  }
}

SequenceRows::SequenceRows(SequenceId sequence, Position first, std::int64_t rows,
                           std::vector<MutualSpan> spans)
    : sequence_(sequence), first_(first), rows_(rows), spans_(std::move(spans)) {
  SIROCCO_CHECK(rows > 0 && rows <= INT32_MAX - first.value());
  const std::int64_t end = first.value() + rows;
  std::int32_t before = first.value();
  for (const MutualSpan& span : spans_) {
    if (span.first.value() < before || span.end <= span.first || span.end.value() > end) {
      throw InvalidArgument(
          "the positions [{}, {}) can't see each other: spans have at least one position, follow "
          "one another and lie whole in the rows of the step, which are [{}, {})",
          span.first.value(), span.end.value(), first.value(), end);
    }
    before = span.end.value();
  }
}

SequenceRows SequenceRows::with_rotary(RotaryPositions positions) && {
  if (positions.rows() != rows_)
    throw InvalidArgument("rotary positions of {} rows for {} rows", positions.rows(), rows_);
  rotary_.emplace(std::move(positions));
  rotary_shift_ = 0;
  return std::move(*this);
}

SequenceRows SequenceRows::with_rotary_shift(std::int32_t shift) && {
  rotary_.reset();
  rotary_shift_ = shift;
  return std::move(*this);
}

SequenceRows SequenceRows::with_key_length(std::int32_t length) && {
  if (length < 1)
    throw InvalidArgument("rows can't see {} positions of an encoder's; expected one at least",
                          length);
  key_length_ = length;
  return std::move(*this);
}

SequenceRows SequenceRows::with_grid(PatchGrid grid) && {
  if (grid.rows < 1 || grid.columns < 1 || grid.patches() > rows_)
    throw InvalidArgument("{} x {} patches in {} rows", grid.rows, grid.columns, rows_);
  grid_ = grid;
  return std::move(*this);
}

SequenceRows SequenceRows::with_windows(std::vector<std::int32_t> rows) && {
  std::int64_t all = 0;
  for (const std::int32_t each : rows) {
    if (each < 1) throw InvalidArgument("a window of {} rows", each);
    all += each;
  }
  if (all != rows_) throw InvalidArgument("windows of {} rows for {}", all, rows_);
  windows_ = std::move(rows);
  return std::move(*this);
}

SequenceRows SequenceRows::part(RowRange rows) const {
  if (rows.first < 0 || rows.end <= rows.first || rows.end > rows_ || first_ != Position(0) ||
      !spans_.empty()) {
    throw InvalidArgument(
        "the rows [{}, {}) can't be a part of {} at position {} with {} spans: they are some of a "
        "whole sequence, which has no spans",
        rows.first, rows.end, rows_, first_.value(), spans_.size());
  }
  SequenceRows out(sequence_, Position(static_cast<std::int32_t>(rows.first)), rows.count());
  out.key_length_ = static_cast<std::int32_t>(rows_);
  out.rotary_shift_ = rotary_shift_;
  out.grid_ = grid_;
  out.windows_ = windows_;
  if (rotary_) {
    const auto axes = static_cast<std::size_t>(rotary_->axes());
    const auto numbers = rotary_->numbers().subspan(static_cast<std::size_t>(rows.first) * axes,
                                                    static_cast<std::size_t>(rows.count()) * axes);
    out.rotary_.emplace(rotary_->axes(), std::vector(numbers.begin(), numbers.end()));
  }
  return out;
}

std::int64_t StepRows::rows() const {
  std::int64_t total = 0;
  for (const SequenceRows& s : sequences) total += s.rows();
  return total;
}

TokenBatch::TokenBatch(std::span<const TokenId> tokens, std::vector<GivenRows> given)
    : tokens_(tokens), given_(std::move(given)) {
  std::int64_t end = 0;  // of the given rows so far
  for (const GivenRows& g : given_) {
    const std::int64_t before = g.first - given_rows_;  // tokens
    if (g.first < end || before > std::ssize(tokens_) || !g.values || g.values.rows() < 1) {
      throw InvalidArgument(
          "given rows can't begin at row {}, with {} given rows up to {} and {} tokens in all: "
          "they "
          "follow one another, at least one at a time, between the rows that are tokens",
          g.first, given_rows_, end, tokens_.size());
    }
    given_rows_ += g.values.rows();
    end = g.first + g.values.rows();
  }
}

}  // namespace sirocco
