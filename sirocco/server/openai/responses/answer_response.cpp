#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/server/generate.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/value.hpp"
#include "sirocco/server/media_prompt.hpp"
#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/openai/responses/response_answer.hpp"
#include "sirocco/server/openai/responses/response_request.hpp"
#include "sirocco/server/openai/responses/response_store.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco::openai {
namespace {

/// A request that is ready for the engine, and what is kept of it when its answer has ended.
struct PreparedResponse {
  Prepared prepared;
  ResponseHead head;
  std::shared_ptr<const Turn> before;
  std::vector<MessageItem> input;
};

std::shared_ptr<const Turn> turn_before(const Service& service, std::uint64_t owner,
                                        const std::string& id) {
  if (const auto found = service.responses().find(owner, id)) return found->turn;
  throw ApiFailure({404,
                    fmt::format("there is no response {} to go on from; if there was one, it was "
                                "forgotten, or made with \"store\": false or another key",
                                sirocco::quoted(id)),
                    "previous_response_id", "previous_response_not_found"});
}

/// The items themselves, with ids of their own.
std::vector<MessageItem> resolved(const Service& service, std::uint64_t owner,
                                  std::vector<InputItem> input) {
  std::vector<MessageItem> out;
  out.reserve(input.size());
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (const auto* reference = std::get_if<ItemReference>(&input[i])) {
      auto found = service.responses().find_item(owner, reference->id);
      if (!found) {
        throw ApiFailure(
            {404,
             fmt::format("there is no item {}; if there was one, its response was forgotten, or "
                         "made with \"store\": false or another key",
                         sirocco::quoted(reference->id)),
             fmt::format("input[{}].id", i), "item_not_found"});
      }
      move_media(*found, fmt::format("input[{}].id", i));
      out.push_back(std::move(*found));
    } else {
      out.push_back(std::move(std::get<MessageItem>(input[i])));
    }
    out.back().id = new_id("msg_");
  }
  return out;
}

std::vector<ChatMessage> conversation(const PreparedResponse& response) {
  std::vector<ChatMessage> out;
  if (response.head.terms.instructions) {
    ChatMessage& instructions = out.emplace_back();
    instructions.role = Role::kSystem;
    instructions.content.emplace(*response.head.terms.instructions);
  }
  for (const MessageItem* item : items_of(response.before.get())) {
    MessageItem earlier = *item;
    move_media(earlier, "previous_response_id");
    out.push_back(chat_message(earlier));
  }
  for (const MessageItem& item : response.input) out.push_back(chat_message(item));
  return out;
}

struct Asked {
  PreparedResponse response;  ///< without what is prepared
  ChatRequest chat;
  ModelLease model;
  std::vector<SentMedium> media;
};

Asked asked_response(const Service& service, std::uint64_t owner, const std::string& body) {
  ResponseRequest request = read_response_request(json::parse(body));
  Asked asked;
  PreparedResponse& out = asked.response;
  out.head.terms = std::move(request.terms);
  if (const auto& previous = out.head.terms.previous_response_id)
    out.before = turn_before(service, owner, *previous);
  out.input = resolved(service, owner, std::move(request.input));
  if (out.before && out.before->items() + out.input.size() > kMaxItems) {
    throw InvalidRequest("previous_response_id", "invalid_value",
                         fmt::format("previous_response_id: the conversation has more than {} "
                                     "messages",
                                     kMaxItems));
  }
  // What isn't kept must not look as if it were.
  if (service.responses().limits().max_responses == 0) out.head.terms.store = false;

  asked.model = named_text_model(service, request.generation.model);
  asked.chat = {std::move(request.generation), conversation(out), PromptEnd::kNewAnswer,
                std::move(request.variables), out.head.terms.reasoning_effort};
  asked.media = media_of(asked.chat.messages);
  return asked;
}

PreparedResponse prepared_response(Asked& asked, std::span<const ReadMedium> media) {
  PreparedResponse out = std::move(asked.response);
  const ChatRequest& chat = asked.chat;
  Prepared& prepared = out.prepared;
  prepared.model = std::move(asked.model);
  const ServedText& model = prepared.model->text();
  ChatPrompt prompt = chat_prompt(chat, model.chat_format());
  prepared.warnings = std::move(prompt.warnings);
  prepared.generation = chat.generation;
  prepared.head = answer_head("resp_", *prepared.model);
  TextRequest& answer = prepared.requests.emplace_back(
      text_request(model, prepared.generation, shown_prompt(model, prompt.rendered, media, "input"),
                   "input", prepared.warnings));
  answer.own_text = true;
  out.head.answer = prepared.head;
  out.head.message_id = new_id("msg_");
  out.head.temperature = answer.sampling.temperature;
  out.head.top_p = answer.sampling.top_p;
  return out;
}

/// Keeps a response that has ended, if that is wanted. Before it is told: who knows it may go on
/// from it.
void keep(const Service& service, std::uint64_t owner, PreparedResponse& response,
          const AnswerPiece& whole, std::string body) {
  if (!response.head.terms.store) return;
  service.responses().put(
      owner, response.head.answer.id,
      {std::move(body), std::make_shared<const Turn>(response.before, std::move(response.input),
                                                     output_item(response.head, whole))});
}

/// The events of a response, which is kept when they end.
class KeptStream {
 public:
  KeptStream(const Service& service, std::uint64_t owner, PreparedResponse& response)
      : service_(service), owner_(owner), response_(response), stream_(response.head) {}

  std::vector<NamedEvent> begin(int) { return stream_.begin(); }
  std::vector<NamedEvent> piece(int, const AnswerPiece& piece) { return stream_.piece(piece); }
  std::vector<NamedEvent> end_last(int, Finish finish, AnswerTotals totals) {
    const ResponseEnd end{finish, std::move(totals), std::time(nullptr)};
    keep(service_, owner_, response_, stream_.whole(),
         response_body(stream_.head(), stream_.whole(), end));
    return stream_.end(end);
  }
  std::vector<NamedEvent> failed(const ApiError& error) { return stream_.failed(error); }

 private:
  const Service& service_;
  std::uint64_t owner_;
  PreparedResponse& response_;
  ResponseStream stream_;
};

}  // namespace

http::Task<http::Answered> answer_response(const Service& service, http::Exchange& exchange) {
  const std::uint64_t owner = exchange.request().caller.owner;
  PreparedResponse response;
  TextAnswers answers = co_await made_with_media(
      service, exchange, [&] { return asked_response(service, owner, exchange.take_body()); },
      [&](Asked& asked, std::span<const ReadMedium> media) {
        response = prepared_response(asked, media);
        return submitted(service, exchange, response.prepared);
      });
  if (response.prepared.generation.stream) {
    KeptStream shape(service, owner, response);
    co_return co_await respond_in_events(service, exchange, response.prepared, std::move(answers),
                                         std::move(shape));
  }
  co_return co_await respond_whole(
      exchange, response.prepared, std::move(answers),
      [&](std::span<const Choice> choices, const AnswerTotals& totals) {
        const auto& [whole, finish] = choices[0];
        std::string body =
            response_body(response.head, whole, {finish, totals, std::time(nullptr)});
        keep(service, owner, response, whole, body);
        return body;
      });
}

}  // namespace sirocco::openai
