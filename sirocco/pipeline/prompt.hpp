#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/ids.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/pipeline/prefix_cache.hpp"
#include "sirocco/pipeline/work.hpp"

namespace sirocco {

struct PipelineLimits;

// What a text model reads: rows, each a token or an embedding that stands in place of one. Text, a
// picture of 256 rows that see each other, and text again:
//   Prompt({fifteen_tokens, picture, question}, {.mutual = {{Position(15), Position(271)}}})

/// What was embedded, and by what: a strong hash of all that the rows depend on (the picture, its
/// encoder, the settings). Equal keys promise equal rows.
struct EmbeddingKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

/// Rows that come as embeddings instead of as tokens: a picture's, or a sound's. Shared by whoever
/// reads them. They are there from the beginning, or promised: then somebody puts them in, once,
/// before a step reads them.
class EmbeddedRows {
 public:
  /// `values` is f32 [n, width], row by row, as the rows of tokens are when the first layer gets
  /// them (scaled where a family scales); behind them may stand what is added behind the first
  /// layers (ModelInfo::deep_stack). Without a key they and what follows them aren't found in
  /// the prefix cache, nor left there. Throws InvalidArgument unless they are whole rows, at least
  /// one, of finite numbers.
  EmbeddedRows(std::int64_t width, std::vector<float> values,
               std::optional<EmbeddingKey> key = std::nullopt);

  /// So many rows that are promised. Throws InvalidArgument unless there is one at least.
  EmbeddedRows(std::int64_t width, std::int64_t rows, const EmbeddingKey& key);

  std::int64_t width() const { return width_; }
  std::int64_t rows() const { return rows_; }
  bool is_there() const { return !values_.empty(); }
  /// f32 [rows, width], which are there.
  std::span<const float> values() const {
    SIROCCO_CHECK(is_there());
    return values_;
  }
  const std::optional<EmbeddingKey>& key() const { return key_; }

  /// Puts promised rows in: f32 [rows, width] of finite numbers. On the thread that runs the steps.
  void put_in(std::vector<float> values);

 private:
  std::int64_t width_;
  std::int64_t rows_;
  std::vector<float> values_;
  std::optional<EmbeddingKey> key_;
};

/// How the rows of a prompt stand to one another.
struct PromptLayout {
  /// Rows that see each other, ascending. A step has all or none of them.
  std::vector<MutualSpan> mutual = {};
  /// Where rotary encodings put the rows, all of them; else at their positions. The answer goes on
  /// behind the largest number, one a row.
  std::optional<RotaryPositions> rotary = std::nullopt;
};

/// What an answer is given to: rows at the positions 0, 1, … of its sequence. Immutable; copies
/// share embeddings.
class Prompt {
 public:
  using Piece = std::variant<std::vector<TokenId>, std::shared_ptr<const EmbeddedRows>>;
  /// The largest number that places a row, so that a float tells it from the next one.
  static constexpr std::int32_t kMaxRotaryPosition = 1 << 24;

  Prompt() = default;
  /// Tokens and nothing else.
  Prompt(std::vector<TokenId> tokens) : tokens_(std::move(tokens)) {}
  /// Pieces one after another. Throws InvalidArgument for a piece that is null, spans that don't
  /// follow one another within the rows, and rotary positions of another number of rows or out of
  /// range.
  explicit Prompt(std::vector<Piece> pieces, PromptLayout layout = {});

  std::int64_t rows() const;
  /// Of the rows that are tokens.
  std::span<const TokenId> tokens() const { return tokens_; }
  /// How far behind their positions rotary encodings put the rows that follow.
  std::int32_t answer_rotary_shift() const;

 private:
  friend class Sequence;
  friend class TextRows;
  struct Arrangement;

  std::vector<TokenId> tokens_;
  std::shared_ptr<const Arrangement> arrangement_;  // null: row i is token i, and no more is said
};

/// Rows of one sequence that stand together, borrowed from tokens or from a prompt.
class TextRows {
 public:
  TextRows(std::span<const TokenId> tokens) : tokens_(tokens), count_(std::ssize(tokens)) {}
  template <std::convertible_to<std::span<const TokenId>> Tokens>
  TextRows(const Tokens& tokens) : TextRows(std::span<const TokenId>(tokens)) {}
  TextRows(const Prompt& prompt)
      : TextRows(prompt.tokens_, prompt.arrangement_.get(), prompt.rows()) {}

  std::int64_t size() const { return count_; }
  /// Of those that are tokens, in order.
  std::span<const TokenId> tokens() const { return tokens_; }
  /// The rows [first, first + count) of these.
  TextRows part(std::int64_t first, std::int64_t count) const;
  /// Rotary encodings put them so far behind their positions. For rows that are tokens.
  TextRows with_rotary_shift(std::int32_t shift) const;

  /// How many of the first rows to take where about `rows` are wanted, 1 to all: none are cut that
  /// see each other, so that it may be fewer, or, where such come first, more.
  std::int64_t without_cut(std::int64_t rows) const;
  /// Replaces `out` by what must not be cut.
  void list_indivisible(std::vector<IndivisibleRows>& out) const;

  /// Throws InvalidArgument, which says what was found and expected, for tokens outside the
  /// vocabulary, embeddings of another width, rotary positions of numbers that the model doesn't
  /// take, and more rows that see each other than a step has. `where` stands before it.
  void require_fit(const PipelineLimits& limits, std::string_view where = {}) const;
  /// Throws InvalidArgument unless they can be a step's part of a sequence that has `length` rows:
  /// rows of a prompt come at their places, and bring all that the last of them sees. Rows that see
  /// each other may have begun before, when the cache has those.
  void require_step(std::int32_t length) const;

  // Of rows for which neither throws.

  /// Them as a step wants them, when their first position is `first`.
  SequenceRows in_step(SequenceId sequence, Position first) const;
  /// Replaces `out` by what they are to the prefix cache, up to the first that nobody can share.
  void list_contents(Position first, std::vector<ContentId>& out) const;

  /// Embeddings among them: rows [begin, end) of what is shared, at least one.
  struct Given {
    std::int64_t first;  ///< the number of the first row
    const EmbeddedRows* from;
    std::int64_t begin;
    std::int64_t end;
    std::int64_t width() const { return from->width(); }
    std::int64_t rows() const { return end - begin; }
    /// f32 [rows, width], which are there.
    std::span<const float> values() const {
      return from->values().subspan(static_cast<std::size_t>(begin * width()),
                                    static_cast<std::size_t>(rows() * width()));
    }
  };
  /// Calls visit(Given) for each run of them, in order.
  template <class Visit>
  void each_given(Visit visit) const {
    for (std::size_t run = 0;; ++run) {
      const std::optional<Given> given = given_run(run);
      if (!given) return;
      if (given->rows() > 0) visit(*given);
    }
  }

 private:
  friend class Sequence;
  TextRows(std::span<const TokenId> tokens, const Prompt::Arrangement* arrangement,
           std::int64_t count)
      : tokens_(tokens), arrangement_(arrangement), count_(count) {}

  /// As far as these rows have a part in the prompt's run of that number; nothing behind the last.
  std::optional<Given> given_run(std::size_t run) const;
  /// body(span) for each span of the prompt that these rows have a part in.
  template <class Body>
  void each_mutual(Body body) const;

  std::span<const TokenId> tokens_;
  const Prompt::Arrangement* arrangement_ = nullptr;
  std::int64_t first_ = 0;  // in the prompt, where there is an arrangement
  std::int64_t count_ = 0;
  std::int32_t rotary_shift_ = 0;
};

}  // namespace sirocco
