#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/server/answer.hpp"
#include "sirocco/server/generate.hpp"
#include "sirocco/server/openai/responses/response_request.hpp"

namespace sirocco::openai {

/// What a response says of itself from its beginning on.
struct ResponseHead {
  AnswerHead answer;
  std::string message_id;  ///< of its one output item, "msg_…"
  ResponseTerms terms;
  float temperature = 0;  ///< in force
  float top_p = 1;        ///< in force
};

/// How a response that came to its end ended.
struct ResponseEnd {
  Finish finish = Finish::kStop;
  AnswerTotals totals;
  std::int64_t at = 0;  ///< seconds since 1970, UTC
};

/// The response object of a whole answer. It is completed, or incomplete where its limit cut it.
std::string response_body(const ResponseHead& head, const AnswerPiece& whole,
                          const ResponseEnd& end);

/// The output item of such a response, to be kept.
MessageItem output_item(const ResponseHead& head, const AnswerPiece& whole);

/// The events of a streamed response, numbered from 0 in "sequence_number": `begin`, any number of
/// pieces, its end; or a failure at any time, which ends it too.
class ResponseStream {
 public:
  explicit ResponseStream(ResponseHead head) : head_(std::move(head)) {}

  /// response.created, response.in_progress, and the item and its part that are written to.
  std::vector<NamedEvent> begin();
  /// response.output_text.delta.
  std::vector<NamedEvent> piece(const AnswerPiece& piece);
  /// What was begun is done; then response.completed or response.incomplete.
  std::vector<NamedEvent> end(const ResponseEnd& end);
  /// error, then response.failed; before them, response.created if it didn't begin yet.
  std::vector<NamedEvent> failed(const ApiError& error);

  const ResponseHead& head() const { return head_; }
  /// All that was said so far.
  const AnswerPiece& whole() const { return whole_; }

 private:
  json::Writer open(std::string_view type);
  std::vector<NamedEvent> created();

  ResponseHead head_;
  AnswerPiece whole_;
  bool begun_ = false;
  std::int64_t next_ = 0;  // sequence_number
};

}  // namespace sirocco::openai
