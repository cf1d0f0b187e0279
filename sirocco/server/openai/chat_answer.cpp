#include "sirocco/server/openai/chat_answer.hpp"

#include "sirocco/server/answer_details.hpp"
#include "sirocco/server/json/writer.hpp"
#include "sirocco/server/openai/answer_parts.hpp"

namespace sirocco::openai {
namespace {

constexpr std::string_view kChunk = "chat.completion.chunk";

void write_log_probabilities(json::Writer& out, std::span<const AnswerToken> tokens) {
  out.name("logprobs").open_object().name("content");
  write_tokens(out, tokens);
  out.member("refusal", nullptr).close_object();
}

/// A chunk up to the delta of its one choice, whose object is open.
void open_delta(json::Writer& out, const AnswerHead& head, int choice) {
  out.open_object();
  write_head(out, head, kChunk);
  out.name("choices").open_array().open_object().member("index", choice);
  out.name("delta").open_object();
}

/// The choice's end; the chunk is open for what is told of it as a whole.
void close_choice(json::Writer& out, std::optional<Finish> finish) {
  out.name("finish_reason");
  if (finish) {
    out.text(finish_name(*finish));
  } else {
    out.null();
  }
  out.close_object().close_array();
}

}  // namespace

std::string chat_body(const AnswerHead& head, std::span<const Choice> choices,
                      const AnswerTotals& totals, bool log_probabilities) {
  json::Writer out;
  out.open_object();
  write_head(out, head, "chat.completion");
  out.name("choices").open_array();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto& [whole, finish] = choices[i];
    out.open_object().member("index", static_cast<std::int64_t>(i));
    out.name("message").open_object().member("role", "assistant");
    out.member("content", whole.text).member("refusal", nullptr).close_object();
    if (log_probabilities) {
      write_log_probabilities(out, whole.tokens);
    } else {
      out.member("logprobs", nullptr);
    }
    out.member("finish_reason", finish_name(finish)).close_object();
  }
  out.close_array();
  write_usage(out, totals.usage);
  write_details(out, totals);
  out.close_object();
  return out.take();
}

std::string ChatStream::begin(int choice) const {
  json::Writer out;
  open_delta(out, head_, choice);
  out.member("role", "assistant").member("content", "").member("refusal", nullptr).close_object();
  out.member("logprobs", nullptr);
  close_choice(out, std::nullopt);
  if (options_.include_usage) out.member("usage", nullptr);
  out.close_object();
  return out.take();
}

std::string ChatStream::piece(int choice, const AnswerPiece& piece) const {
  json::Writer out;
  open_delta(out, head_, choice);
  out.member("content", piece.text).close_object();
  if (options_.log_probabilities) {
    write_log_probabilities(out, piece.tokens);
  } else {
    out.member("logprobs", nullptr);
  }
  close_choice(out, std::nullopt);
  if (options_.include_usage) out.member("usage", nullptr);
  out.close_object();
  return out.take();
}

std::string ChatStream::end(int choice, Finish finish) const {
  json::Writer out;
  open_delta(out, head_, choice);
  out.close_object().member("logprobs", nullptr);
  close_choice(out, finish);
  if (options_.include_usage) out.member("usage", nullptr);
  out.close_object();
  return out.take();
}

std::vector<std::string> ChatStream::end_last(int choice, Finish finish,
                                              const AnswerTotals& totals) const {
  std::vector<std::string> events;
  json::Writer out;
  if (options_.include_usage) {
    events.push_back(end(choice, finish));
    out.open_object();
    write_head(out, head_, kChunk);
    out.name("choices").open_array().close_array();
    write_usage(out, totals.usage);
  } else {
    open_delta(out, head_, choice);
    out.close_object().member("logprobs", nullptr);
    close_choice(out, finish);
  }
  write_details(out, totals);
  out.close_object();
  events.push_back(out.take());
  events.emplace_back(kStreamEnd);
  return events;
}

}  // namespace sirocco::openai
