#include <string>
#include <utility>

#include "sirocco/server/anthropic/message_answer.hpp"
#include "sirocco/server/anthropic/messages_request.hpp"
#include "sirocco/server/anthropic/routes.hpp"
#include "sirocco/server/generate.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/picture_prompt.hpp"

namespace sirocco::anthropic {
namespace {

TextPrompt prompt_of(const ServedText& model, const MessagesRequest& request) {
  const std::vector<ReadPicture> pictures = read_pictures(model, pictures_of(request));
  return shown_prompt(model, messages_prompt(request, model.chat_format()), pictures, "messages");
}

Prepared prepared_message(const Service& service, const std::string& body) {
  MessagesRequest request = read_messages_request(json::parse(body));
  Prepared out;
  out.model = named_text_model(service, request.generation.model);
  out.generation = std::move(request.generation);
  out.head = answer_head("msg_", *out.model);
  const ServedText& model = *out.model->text;
  TextRequest& answer = out.requests.emplace_back(
      text_request(model, out.generation, prompt_of(model, request), "messages", out.warnings));
  answer.own_text = !request.continued;
  return out;
}

std::string counted(const Service& service, const std::string& body) {
  const MessagesRequest request = read_count_request(json::parse(body));
  const ModelLease model = named_text_model(service, request.generation.model);
  return token_count_body(rows_of(prompt_of(*model->text, request)));
}

}  // namespace

http::Task<http::Answered> answer_messages(const Service& service, http::Exchange& exchange) {
  Prepared prepared;
  std::int64_t tokens = 0;
  TextAnswers answers = co_await exchange.off_thread([&] {
    prepared = prepared_message(service, exchange.take_body());
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
  std::string body =
      co_await exchange.off_thread([&] { return counted(service, exchange.take_body()); });
  co_return co_await exchange.respond(http::json_response(std::move(body)));
}

}  // namespace sirocco::anthropic
