#include "sirocco/server/anthropic/message_answer.hpp"

#include <string_view>

#include "sirocco/server/answer_details.hpp"
#include "sirocco/server/anthropic/error_body.hpp"
#include "sirocco/server/json/writer.hpp"

namespace sirocco::anthropic {
namespace {

/// An object that is open, of a type.
json::Writer open(std::string_view type) {
  json::Writer out;
  out.open_object().member("type", type);
  return out;
}

NamedEvent closed(std::string_view name, json::Writer out) {
  out.close_object();
  return {name, out.take()};
}

// Members of an object that is open.

void write_head(json::Writer& out, const AnswerHead& head) {
  out.member("id", head.id).member("role", "assistant").member("model", head.model);
}

/// Both null while the message is written.
void write_stop(json::Writer& out) {
  out.member("stop_reason", nullptr).member("stop_sequence", nullptr);
}
void write_stop(json::Writer& out, Finish finish, const AnswerTotals& totals) {
  const std::string& stop = totals.stop_strings.front();
  if (finish == Finish::kStop && !stop.empty()) {
    out.member("stop_reason", "stop_sequence").member("stop_sequence", stop);
    return;
  }
  out.member("stop_reason", finish == Finish::kStop ? "end_turn" : "max_tokens");
  out.member("stop_sequence", nullptr);
}

void write_usage(json::Writer& out, const Usage& usage) {
  out.name("usage").open_object().member("input_tokens", usage.prompt - usage.cached);
  // Whatever is computed stays in the cache while there is room: nothing is written for a price.
  out.member("cache_creation_input_tokens", 0).member("cache_read_input_tokens", usage.cached);
  out.member("output_tokens", usage.generated).close_object();
}

void write_block(json::Writer& out, std::string_view text) {
  out.open_object().member("type", "text").member("text", text).close_object();
}

}  // namespace

std::string message_body(const AnswerHead& head, const Choice& answer, const AnswerTotals& totals) {
  json::Writer out = open("message");
  write_head(out, head);
  out.name("content").open_array();
  write_block(out, answer.whole.text);
  out.close_array();
  write_stop(out, answer.finish, totals);
  write_usage(out, totals.usage);
  write_details(out, totals);
  out.close_object();
  return out.take();
}

std::vector<NamedEvent> MessageStream::begin(int index) const {
  std::vector<NamedEvent> events;
  json::Writer start = open("message_start");
  start.name("message").open_object().member("type", "message");
  write_head(start, head_);
  start.name("content").open_array().close_array();
  write_stop(start);
  write_usage(start, {.prompt = prompt_tokens_});
  start.close_object();
  events.push_back(closed("message_start", std::move(start)));
  json::Writer block = open("content_block_start");
  block.member("index", index).name("content_block");
  write_block(block, "");
  events.push_back(closed("content_block_start", std::move(block)));
  events.push_back(silence());
  return events;
}

NamedEvent MessageStream::piece(int index, const AnswerPiece& piece) const {
  json::Writer out = open("content_block_delta");
  out.member("index", index).name("delta").open_object();
  out.member("type", "text_delta").member("text", piece.text).close_object();
  return closed("content_block_delta", std::move(out));
}

std::vector<NamedEvent> MessageStream::end_last(int index, Finish finish,
                                                const AnswerTotals& totals) const {
  std::vector<NamedEvent> events;
  json::Writer block = open("content_block_stop");
  block.member("index", index);
  events.push_back(closed("content_block_stop", std::move(block)));
  json::Writer delta = open("message_delta");
  delta.name("delta").open_object();
  write_stop(delta, finish, totals);
  delta.close_object();
  write_usage(delta, totals.usage);
  write_details(delta, totals);
  events.push_back(closed("message_delta", std::move(delta)));
  events.push_back(closed("message_stop", open("message_stop")));
  return events;
}

NamedEvent MessageStream::silence() const { return closed("ping", open("ping")); }

NamedEvent MessageStream::failed(const ApiError& error) const {
  return {"error", error_body(error, request_id_)};
}

std::string token_count_body(std::int64_t tokens) {
  json::Writer out;
  out.open_object().member("input_tokens", tokens).close_object();
  return out.take();
}

}  // namespace sirocco::anthropic
