#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/server/answer.hpp"
#include "sirocco/server/openai/error_body.hpp"

namespace sirocco::openai {

/// The body of an answer to /v1/chat/completions: a chat.completion with a message for each choice.
/// Each token of an answer has an entry of its own in logprobs, half a character too: `token` is as
/// token_text has it, `bytes` are the token's own.
std::string chat_body(const AnswerHead& head, std::span<const Choice> choices,
                      const AnswerTotals& totals, bool log_probabilities);

/// The data of the events of a streamed answer, chat.completion.chunk objects. Of each choice:
/// `begin`, any number of pieces, its end. The choice that ends last ends the stream.
class ChatStream {
 public:
  struct Options {
    bool include_usage = false;      ///< a chunk without choices tells it at the end
    bool log_probabilities = false;  ///< of the tokens
  };
  ChatStream(AnswerHead head, Options options) : head_(std::move(head)), options_(options) {}

  /// The assistant begins to speak.
  std::string begin(int choice) const;
  std::string piece(int choice, const AnswerPiece& piece) const;
  std::string end(int choice, Finish finish) const;
  /// Everything from the end of the last choice on.
  std::vector<std::string> end_last(int choice, Finish finish, const AnswerTotals& totals) const;
  /// In place of whatever would come.
  static std::string failed(const ApiError& error) { return error_body(error); }

 private:
  AnswerHead head_;
  Options options_;
};

}  // namespace sirocco::openai
