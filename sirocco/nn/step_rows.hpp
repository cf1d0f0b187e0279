#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/tensor/tensor.hpp"

namespace sirocco {

// The rows of a step, as a pipeline names them. Of text, a picture of 256 rows and text again:
//   SequenceRows(id, Position(0), 271, {{Position(10), Position(266)}})
//       .with_rotary({3, times_heights_and_widths})
//   TokenBatch(fifteen_tokens, {{10, picture}})

/// A RowRange is consecutive rows, by their numbers: [first, end).
struct RowRange {
  std::int64_t first = 0;
  std::int64_t end = 0;
  std::int64_t count() const { return end - first; }
  friend bool operator==(const RowRange&, const RowRange&) = default;
};

/// A MutualSpan is positions of a sequence whose rows see each other, as those of an image do,
/// besides what came before: [first, end).
struct MutualSpan {
  Position first;
  Position end;
};

/// RotaryPositions are where rotary encodings put rows, apart from where their keys and values are
/// kept: one number a row, or one for each axis (time, height, width) of encodings that have
/// sections.
class RotaryPositions {
 public:
  static constexpr int kMaxAxes = 4;

  /// `numbers` is [rows, axes], row by row. Throws InvalidArgument unless there are 1 to kMaxAxes
  /// axes and whole rows.
  RotaryPositions(int axes, std::vector<std::int32_t> numbers);

  int axes() const { return axes_; }
  std::int64_t rows() const { return std::ssize(numbers_) / axes_; }
  std::span<const std::int32_t> numbers() const { return numbers_; }

 private:
  int axes_;
  std::vector<std::int32_t> numbers_;
};

/// A PatchGrid is how the patches of a picture, or of a tile of one, lie: row by row.
struct PatchGrid {
  std::int32_t rows = 0;
  std::int32_t columns = 0;
  std::int64_t patches() const { return std::int64_t{rows} * columns; }
  friend bool operator==(const PatchGrid&, const PatchGrid&) = default;
};

/// SequenceRows are one sequence's part of a step: rows at consecutive positions, at least one. A
/// row's position is its place in the sequence and in its cache, by which masks go too. Rows that
/// see each other are never cut, so that their span lies in one step.
class SequenceRows {
 public:
  /// `first` is the position of the first row. Throws InvalidArgument unless every span has a
  /// position, ends before the next one begins or where it does, and lies within the rows.
  SequenceRows(SequenceId sequence, Position first, std::int64_t rows,
               std::vector<MutualSpan> spans = {});

  /// Where rotary encodings put the rows; without, it is at their positions, in every axis. Throws
  /// InvalidArgument unless `positions` are of as many rows.
  SequenceRows with_rotary(RotaryPositions positions) &&;
  /// The same for rows that are put so far behind their positions, in every axis.
  SequenceRows with_rotary_shift(std::int32_t shift) &&;
  /// The rows see so many positions of a cache that an encoder wrote. Throws InvalidArgument unless
  /// there is one at least.
  SequenceRows with_key_length(std::int32_t length) &&;
  /// The rows are the patches of a picture, behind those that an encoder puts before them. Throws
  /// InvalidArgument unless there is one at least and they are that many at most.
  SequenceRows with_grid(PatchGrid grid) &&;
  /// The rows fall into windows, so many rows each, one behind another: where a layer mixes by
  /// windows (PatchWindowMask), rows see those of their own. Throws InvalidArgument unless each has
  /// a row and they are all rows together.
  SequenceRows with_windows(std::vector<std::int32_t> rows) &&;

  /// Some rows of these, which are a whole sequence: at their own positions, put by rotary
  /// encodings where they are in it, and seeing all positions of it (key_length); grid and windows
  /// stay those of the whole. Throws InvalidArgument unless there is one at least and they are rows
  /// of these, which begin at position 0 and have no spans.
  SequenceRows part(RowRange rows) const;

  SequenceId sequence() const { return sequence_; }
  Position first() const { return first_; }
  std::int64_t rows() const { return rows_; }
  const std::vector<MutualSpan>& spans() const { return spans_; }
  const std::optional<RotaryPositions>& rotary() const { return rotary_; }
  std::int32_t rotary_shift() const { return rotary_shift_; }
  /// 0 where no encoder wrote any, and these aren't a part of a sequence.
  std::int32_t key_length() const { return key_length_; }
  const PatchGrid& grid() const { return grid_; }  ///< of none where it is no picture
  /// Rows of each window, those of the whole sequence; empty where all are one.
  const std::vector<std::int32_t>& windows() const { return windows_; }

 private:
  SequenceId sequence_;
  Position first_;
  std::int64_t rows_;
  std::int32_t key_length_ = 0;
  std::int32_t rotary_shift_ = 0;
  PatchGrid grid_;
  std::vector<std::int32_t> windows_;
  std::vector<MutualSpan> spans_;
  std::optional<RotaryPositions> rotary_;
};

/// StepRows are the rows of one step on the host: sequences one after another, and the rows whose
/// results are wanted.
struct StepRows {
  std::vector<SequenceRows> sequences;
  std::vector<std::int32_t> outputs;  ///< ascending row numbers
  std::int64_t rows() const;
};

/// GivenRows are rows of a step that come as embeddings, of a picture or of sound, instead of as
/// tokens.
struct GivenRows {
  std::int64_t first;  ///< the number of the first one in the step
  /// f32 [R, D · (1 + n)], the backend's, as long as the step; at least one row. The i-th D,
  /// counted from 0, is the row itself, the others are added to it behind layer i - 1.
  Tensor values;
};

/// A TokenBatch is what the rows of one step are made of: each is a token, or given. The rest of
/// what is known of a row (position, sequence, cache) is in the context, which every stage gets.
class TokenBatch {
 public:
  /// A row a token. Borrows them.
  explicit TokenBatch(std::span<const TokenId> tokens) : tokens_(tokens) {}
  /// `tokens` are those of the rows that aren't given, in their order. Throws InvalidArgument
  /// unless given rows follow one another, with as many tokens as are needed before them.
  TokenBatch(std::span<const TokenId> tokens, std::vector<GivenRows> given);

  std::int64_t rows() const { return std::ssize(tokens_) + given_rows_; }
  std::span<const TokenId> tokens() const { return tokens_; }
  std::span<const GivenRows> given() const { return given_; }

 private:
  std::span<const TokenId> tokens_;
  std::vector<GivenRows> given_;
  std::int64_t given_rows_ = 0;
};

}  // namespace sirocco
