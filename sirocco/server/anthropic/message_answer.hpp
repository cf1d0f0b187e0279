#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/server/answer.hpp"
#include "sirocco/server/generate.hpp"

namespace sirocco::anthropic {

/// The body of an answer to /v1/messages: a message with one block of text, which may be empty.
/// stop_reason is end_turn, max_tokens or stop_sequence; stop_sequence says which. Of usage,
/// input_tokens are the prompt's without those that were found in the cache.
std::string message_body(const AnswerHead& head, const Choice& answer, const AnswerTotals& totals);

/// The events of a streamed message.
class MessageStream {
 public:
  /// `prompt_tokens`: of which nobody knows yet how many will be found in the cache.
  MessageStream(AnswerHead head, std::int64_t prompt_tokens, std::string request_id)
      : head_(std::move(head)), prompt_tokens_(prompt_tokens), request_id_(std::move(request_id)) {}

  // There is one answer: `index` is 0.

  /// message_start, content_block_start, ping.
  std::vector<NamedEvent> begin(int index) const;
  /// content_block_delta.
  NamedEvent piece(int index, const AnswerPiece& piece) const;
  /// content_block_stop, message_delta, message_stop.
  std::vector<NamedEvent> end_last(int index, Finish finish, const AnswerTotals& totals) const;
  /// ping.
  NamedEvent silence() const;
  /// error.
  NamedEvent failed(const ApiError& error) const;

 private:
  AnswerHead head_;
  std::int64_t prompt_tokens_;
  std::string request_id_;
};

/// The body of an answer to /v1/messages/count_tokens.
std::string token_count_body(std::int64_t tokens);

}  // namespace sirocco::anthropic
