#include "sirocco/server/openai/responses/response_answer.hpp"

#include <algorithm>
#include <iterator>
#include <span>

#include "sirocco/server/answer_details.hpp"
#include "sirocco/server/openai/answer_parts.hpp"

namespace sirocco::openai {
namespace {

constexpr std::string_view kCreated = "response.created";
constexpr std::string_view kInProgress = "response.in_progress";
constexpr std::string_view kItemAdded = "response.output_item.added";
constexpr std::string_view kPartAdded = "response.content_part.added";
constexpr std::string_view kDelta = "response.output_text.delta";
constexpr std::string_view kTextDone = "response.output_text.done";
constexpr std::string_view kPartDone = "response.content_part.done";
constexpr std::string_view kItemDone = "response.output_item.done";
constexpr std::string_view kCompleted = "response.completed";
constexpr std::string_view kIncomplete = "response.incomplete";
constexpr std::string_view kFailed = "response.failed";
constexpr std::string_view kError = "error";

/// How far a response is: what isn't there isn't known yet.
struct Progress {
  std::string_view status = "in_progress";
  const AnswerPiece* output = nullptr;
  const ResponseEnd* end = nullptr;
  const ApiError* error = nullptr;
};

std::string_view status_of(Finish finish) {
  return finish == Finish::kStop ? "completed" : "incomplete";
}

/// OpenAI's words for what went wrong with a response.
std::string_view failure_code(const ApiError& error) {
  if (error.status == 429) return "rate_limit_exceeded";
  return error.status >= 500 ? "server_error" : "invalid_prompt";
}

void write_optional(json::Writer& out, std::string_view name,
                    const std::optional<std::string>& text) {
  out.name(name);
  if (text) {
    out.text(*text);
  } else {
    out.null();
  }
}

void write_part(json::Writer& out, const AnswerPiece& piece) {
  out.open_object().member("type", "output_text").member("text", piece.text);
  out.name("annotations").open_array().close_array();
  out.name("logprobs");
  write_tokens(out, piece.tokens);
  out.close_object();
}

/// An output item; without a text, one that is about to begin.
void write_message(json::Writer& out, const ResponseHead& head, std::string_view status,
                   const AnswerPiece* text) {
  out.open_object().member("id", head.message_id).member("type", "message");
  out.member("status", status).member("role", "assistant");
  out.name("content").open_array();
  if (text != nullptr) write_part(out, *text);
  out.close_array().close_object();
}

void write_response_usage(json::Writer& out, const Usage& usage) {
  out.open_object().member("input_tokens", usage.prompt);
  out.name("input_tokens_details").open_object().member("cached_tokens", usage.cached);
  // What OpenAI charges for; here it costs nothing.
  out.member("cache_write_tokens", 0).close_object();
  out.member("output_tokens", usage.generated);
  out.name("output_tokens_details").open_object().member("reasoning_tokens", 0).close_object();
  out.member("total_tokens", usage.prompt + usage.generated).close_object();
}

void write_failure(json::Writer& out, const Progress& at) {
  out.name("error");
  if (at.error != nullptr) {
    out.open_object().member("code", failure_code(*at.error));
    out.member("message", at.error->message).close_object();
  } else {
    out.null();
  }
  out.name("incomplete_details");
  if (at.end != nullptr && at.end->finish == Finish::kLength) {
    out.open_object().member("reason", "max_output_tokens").close_object();
  } else {
    out.null();
  }
}

void write_terms(json::Writer& out, const ResponseHead& head) {
  const ResponseTerms& terms = head.terms;
  write_optional(out, "instructions", terms.instructions);
  write_optional(out, "previous_response_id", terms.previous_response_id);
  out.name("max_output_tokens");
  if (terms.max_output_tokens) {
    out.number(*terms.max_output_tokens);
  } else {
    out.null();
  }
  out.member("max_tool_calls", nullptr);
  out.name("temperature").number(head.temperature).name("top_p").number(head.top_p);
  out.member("top_logprobs", terms.alternatives.value_or(0));
  out.member("parallel_tool_calls", terms.parallel_tool_calls);
  out.member("tool_choice", terms.tool_choice).name("tools").open_array().close_array();
  out.name("text").open_object().name("format").open_object().member("type", "text");
  out.close_object().member("verbosity", "medium").close_object();
  out.name("reasoning").open_object();
  write_optional(out, "effort", terms.reasoning_effort);
  out.member("summary", nullptr).close_object();
  out.member("truncation", "disabled").member("background", false).member("store", terms.store);
  out.member("service_tier", "default");
  out.name("metadata").open_object();
  for (const auto& [name, value] : terms.metadata) out.member(name, value);
  out.close_object();
  write_optional(out, "user", terms.user);
  write_optional(out, "safety_identifier", terms.safety_identifier);
  write_optional(out, "prompt_cache_key", terms.prompt_cache_key);
}

void write_response(json::Writer& out, const ResponseHead& head, const Progress& at) {
  out.open_object().member("id", head.answer.id).member("object", "response");
  out.member("created_at", head.answer.created).member("status", at.status);
  out.name("completed_at");
  if (at.end != nullptr && at.end->finish == Finish::kStop) {
    out.number(at.end->at);
  } else {
    out.null();
  }
  write_failure(out, at);
  out.member("model", head.answer.model);
  out.member("system_fingerprint", head.answer.fingerprint);
  out.name("output").open_array();
  if (at.output != nullptr) {
    // The message of a response that failed breaks off.
    write_message(out, head, at.error != nullptr ? "incomplete" : at.status, at.output);
  }
  out.close_array();
  write_terms(out, head);
  out.name("usage");
  if (at.end != nullptr) {
    write_response_usage(out, at.end->totals.usage);
    write_details(out, at.end->totals);
  } else {
    out.null();
  }
  out.close_object();
}

NamedEvent closed(std::string_view type, json::Writer out) {
  out.close_object();
  return {type, out.take()};
}

}  // namespace

std::string response_body(const ResponseHead& head, const AnswerPiece& whole,
                          const ResponseEnd& end) {
  json::Writer out;
  write_response(out, head, {status_of(end.finish), &whole, &end, nullptr});
  return out.take();
}

MessageItem output_item(const ResponseHead& head, const AnswerPiece& whole) {
  return {head.message_id, Role::kAssistant, {whole.text}};
}

json::Writer ResponseStream::open(std::string_view type) {
  json::Writer out;
  out.open_object().member("type", type).member("sequence_number", next_++);
  return out;
}

std::vector<NamedEvent> ResponseStream::created() {
  begun_ = true;
  std::vector<NamedEvent> events;
  for (const std::string_view type : {kCreated, kInProgress}) {
    json::Writer out = open(type);
    out.name("response");
    write_response(out, head_, {});
    events.push_back(closed(type, std::move(out)));
  }
  return events;
}

std::vector<NamedEvent> ResponseStream::begin() {
  std::vector<NamedEvent> events = created();
  json::Writer item = open(kItemAdded);
  item.member("output_index", 0).name("item");
  write_message(item, head_, "in_progress", nullptr);
  events.push_back(closed(kItemAdded, std::move(item)));

  json::Writer part = open(kPartAdded);
  part.member("item_id", head_.message_id).member("output_index", 0).member("content_index", 0);
  part.name("part");
  write_part(part, {});
  events.push_back(closed(kPartAdded, std::move(part)));
  return events;
}

std::vector<NamedEvent> ResponseStream::piece(const AnswerPiece& piece) {
  whole_.text += piece.text;
  std::ranges::copy(piece.tokens, std::back_inserter(whole_.tokens));
  json::Writer out = open(kDelta);
  out.member("item_id", head_.message_id).member("output_index", 0).member("content_index", 0);
  out.member("delta", piece.text).name("logprobs");
  write_tokens(out, piece.tokens);
  return {closed(kDelta, std::move(out))};
}

std::vector<NamedEvent> ResponseStream::end(const ResponseEnd& end) {
  std::vector<NamedEvent> events;
  json::Writer text = open(kTextDone);
  text.member("item_id", head_.message_id).member("output_index", 0).member("content_index", 0);
  text.member("text", whole_.text).name("logprobs");
  write_tokens(text, whole_.tokens);
  events.push_back(closed(kTextDone, std::move(text)));

  json::Writer part = open(kPartDone);
  part.member("item_id", head_.message_id).member("output_index", 0).member("content_index", 0);
  part.name("part");
  write_part(part, whole_);
  events.push_back(closed(kPartDone, std::move(part)));

  json::Writer item = open(kItemDone);
  item.member("output_index", 0).name("item");
  write_message(item, head_, status_of(end.finish), &whole_);
  events.push_back(closed(kItemDone, std::move(item)));

  const std::string_view type = end.finish == Finish::kStop ? kCompleted : kIncomplete;
  json::Writer last = open(type);
  last.name("response");
  write_response(last, head_, {status_of(end.finish), &whole_, &end, nullptr});
  events.push_back(closed(type, std::move(last)));
  return events;
}

std::vector<NamedEvent> ResponseStream::failed(const ApiError& error) {
  const bool spoke = begun_;
  std::vector<NamedEvent> events;
  if (!begun_) events = created();
  json::Writer told = open(kError);
  told.member("code", error.code).member("message", error.message);
  told.name("param");
  if (error.param.empty()) {
    told.null();
  } else {
    told.text(error.param);
  }
  events.push_back(closed(kError, std::move(told)));

  json::Writer last = open(kFailed);
  last.name("response");
  write_response(last, head_, {"failed", spoke ? &whole_ : nullptr, nullptr, &error});
  events.push_back(closed(kFailed, std::move(last)));
  return events;
}

}  // namespace sirocco::openai
