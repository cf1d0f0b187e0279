#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/server/generate.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/media_prompt.hpp"
#include "sirocco/server/openai/chat_answer.hpp"
#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco::openai {
namespace {

struct Asked {
  ChatRequest request;
  ModelLease model;
  std::vector<SentMedium> media;
};

Asked asked_chat(const Service& service, const std::string& body) {
  Asked out{read_chat_request(json::parse(body)), {}, {}};
  out.model = named_text_model(service, out.request.generation.model);
  out.media = media_of(out.request.messages);
  return out;
}

Prepared prepared_chat(Asked& asked, std::span<const ReadMedium> media) {
  ChatRequest& request = asked.request;
  Prepared out;
  out.model = std::move(asked.model);
  const ServedText& model = out.model->text();
  ChatPrompt prompt = chat_prompt(request, model.chat_format());
  out.warnings = std::move(prompt.warnings);
  out.generation = std::move(request.generation);
  out.head = answer_head("chatcmpl-", *out.model);
  TextRequest& answer = out.requests.emplace_back(
      text_request(model, out.generation, shown_prompt(model, prompt.rendered, media, "messages"),
                   "messages", out.warnings));
  answer.own_text = request.end != PromptEnd::kContinueAnswer;
  return out;
}

}  // namespace

http::Task<http::Answered> answer_chat(const Service& service, http::Exchange& exchange) {
  Prepared prepared;
  TextAnswers answers = co_await made_with_media(
      service, exchange, [&] { return asked_chat(service, exchange.take_body()); },
      [&](Asked& asked, std::span<const ReadMedium> media) {
        prepared = prepared_chat(asked, media);
        return submitted(service, exchange, prepared);
      });
  const bool log_probabilities = prepared.generation.alternatives.has_value();
  if (prepared.generation.stream) {
    ChatStream shape(prepared.head, {.include_usage = prepared.generation.include_usage,
                                     .log_probabilities = log_probabilities});
    co_return co_await respond_in_events(service, exchange, prepared, std::move(answers),
                                         std::move(shape));
  }
  co_return co_await respond_whole(
      exchange, prepared, std::move(answers),
      [&](std::span<const Choice> choices, const AnswerTotals& at_end) {
        return chat_body(prepared.head, choices, at_end, log_probabilities);
      });
}

}  // namespace sirocco::openai
