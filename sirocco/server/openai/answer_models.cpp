#include "sirocco/base/error.hpp"
#include "sirocco/server/generate.hpp"
#include "sirocco/server/openai/models.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco::openai {
namespace {

bool chats(const ServedText& model) {
  try {
    model.chat_format();
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool takes(const ServedText& model, Medium medium) {
  try {
    return medium == Medium::kPicture ? model.model().pictures() != nullptr
                                      : model.model().sounds() != nullptr;
  } catch (const Error&) {  // why not, is told to whoever shows it something
    return false;
  }
}

ModelCard card_of(const ServedModel& model) {
  ModelCard card{model.name, model.since, model.context()};
  if (model.text == nullptr) {
    card.capabilities = {"embedding"};
  } else {
    card.capabilities = {"completion", "embedding"};
    if (chats(*model.text)) {
      card.capabilities.insert(card.capabilities.begin(), "chat");
      // As llama-server calls it.
      if (takes(*model.text, Medium::kPicture)) card.capabilities.push_back("multimodal");
      if (takes(*model.text, Medium::kSound)) card.capabilities.push_back("audio");
    }
  }
  return card;
}

}  // namespace

http::Task<http::Answered> answer_models(const Service& service, http::Exchange& exchange) {
  std::vector<ModelCard> cards;
  for (const ModelLease& model : service.models().list()) cards.push_back(card_of(*model));
  co_return co_await exchange.respond(http::json_response(models_body(cards)));
}

http::Task<http::Answered> answer_model(const Service& service, http::Exchange& exchange) {
  const std::string name(exchange.request().parameter("model"));
  co_return co_await exchange.respond(
      http::json_response(model_body(card_of(*named_model(service, name)))));
}

}  // namespace sirocco::openai
