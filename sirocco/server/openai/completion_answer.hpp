#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/server/answer.hpp"
#include "sirocco/server/openai/error_body.hpp"

namespace sirocco::openai {

/// Where tokens begin in the text that they make: in characters from its beginning. A token that
/// goes on with a character begins where that does.
class TextOffsets {
 public:
  /// Of the token that comes next.
  std::int64_t push(std::string_view bytes);

 private:
  std::int64_t characters_ = 0;  // that have begun
};

/// The body of an answer to /v1/completions: a text_completion. Of each token in logprobs, half a
/// character too, `tokens` has the text as token_text writes it; `text_offset` counts the
/// characters of the tokens before. With an echo, a whole answer's text and tokens begin with the
/// prompt's.
std::string completion_body(const AnswerHead& head, std::span<const Choice> choices,
                            const AnswerTotals& totals, bool log_probabilities);

/// The data of the events of a streamed answer. Of each choice: any number of pieces, its end. The
/// choice that ends last ends the stream. With an echo, a choice's first piece is its prompt.
class CompletionStream {
 public:
  struct Options {
    int choices = 1;
    bool include_usage = false;      ///< a chunk without choices tells it at the end
    bool log_probabilities = false;  ///< of the tokens
  };
  CompletionStream(AnswerHead head, Options options)
      : head_(std::move(head)),
        options_(options),
        offsets_(static_cast<std::size_t>(options.choices)) {}

  /// Pieces of one choice in their order.
  std::string piece(int choice, const AnswerPiece& piece);
  std::string end(int choice, Finish finish) const;
  /// Everything from the end of the last choice on.
  std::vector<std::string> end_last(int choice, Finish finish, const AnswerTotals& totals) const;
  /// In place of whatever would come.
  static std::string failed(const ApiError& error) { return error_body(error); }

 private:
  AnswerHead head_;
  Options options_;
  std::vector<TextOffsets> offsets_;  // of each choice
};

}  // namespace sirocco::openai
