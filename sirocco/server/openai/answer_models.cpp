#include "sirocco/server/generate.hpp"
#include "sirocco/server/openai/models.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco::openai {
namespace {

ModelCard card_of(const ServedModel& model) {
  return {model.name, model.since, model.context(), model.uses().names()};
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
