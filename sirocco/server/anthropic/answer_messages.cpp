#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/server/anthropic/message_answer.hpp"
#include "sirocco/server/anthropic/messages_request.hpp"
#include "sirocco/server/anthropic/routes.hpp"
#include "sirocco/server/generate.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/media_prompt.hpp"

namespace sirocco::anthropic {
namespace {

struct Asked {
  MessagesRequest request;
  ModelLease model;
  std::vector<SentMedium> media;
};

Asked asked_of(const Service& service, MessagesRequest request) {
  Asked out{std::move(request), {}, {}};
  out.model = named_text_model(service, out.request.generation.model);
  out.media = media_of(out.request);
  return out;
}

TextPrompt prompt_of(const ServedText& model, const MessagesRequest& request,
                     std::span<const ReadMedium> media) {
  return shown_prompt(model, messages_prompt(request, model.chat_format()), media, "messages");
}

Prepared prepared_message(Asked& asked, std::span<const ReadMedium> media) {
  MessagesRequest& request = asked.request;
  Prepared out;
  out.model = std::move(asked.model);
  out.generation = std::move(request.generation);
  out.head = answer_head("msg_", *out.model);
  const ServedText& model = out.model->text();
  TextRequest& answer = out.requests.emplace_back(text_request(
      model, out.generation, prompt_of(model, request, media), "messages", out.warnings));
  answer.own_text = !request.continued;
  return out;
}

std::string counted(const Asked& asked, std::span<const ReadMedium> media) {
  return token_count_body(rows_of(prompt_of(asked.model->text(), asked.request, media)));
}

}  // namespace

http::Task<http::Answered> answer_messages(const Service& service, http::Exchange& exchange) {
  Prepared prepared;
  std::int64_t tokens = 0;
  TextAnswers answers = co_await made_with_media(
      service, exchange,
      [&] { return asked_of(service, read_messages_request(json::parse(exchange.take_body()))); },
      [&](Asked& asked, std::span<const ReadMedium> media) {
        prepared = prepared_message(asked, media);
        tokens = rows_of(prepared.requests.front().prompt);
        return submitted(service, exchange, prepared);
      });
  if (prepared.generation.stream) {
    MessageStream shape(prepared.head, tokens, exchange.request().id);
    co_return co_await respond_in_events(service, exchange, prepared, std::move(answers),
                                         std::move(shape));
  }
  co_return co_await respond_whole(
      exchange, prepared, std::move(answers),
      [&](std::span<const Choice> choices, const AnswerTotals& at_end) {
        return message_body(prepared.head, choices.front(), at_end);
      });
}

http::Task<http::Answered> answer_token_count(const Service& service, http::Exchange& exchange) {
  std::string body = co_await made_with_media(
      service, exchange,
      [&] { return asked_of(service, read_count_request(json::parse(exchange.take_body()))); },
      [](Asked& asked, std::span<const ReadMedium> media) { return counted(asked, media); });
  co_return co_await exchange.respond(http::json_response(std::move(body)));
}

}  // namespace sirocco::anthropic
