#include "sirocco/server/openai/routes.hpp"

#include <exception>
#include <optional>
#include <utility>

#include "sirocco/server/openai/generate.hpp"

namespace sirocco::openai {
namespace {

using Answer = http::Task<http::Answered> (*)(const Service&, http::Exchange&);

/// Tells failures in the shape of the API, with the place in the request that they are about.
http::Task<http::Answered> told_in_shape(const Service& service, http::Exchange& exchange,
                                         Answer answer) {
  std::optional<ApiError> error;
  try {
    co_return co_await answer(service, exchange);
  } catch (const http::ClientGone&) {
    throw;
  } catch (const Error& e) {
    error = api_error(e);
  }
  co_return co_await exchange.respond(error_response(*error));
}

struct Row {
  http::Method method;
  const char* pattern;
  Answer answer;
};
constexpr Row kRows[] = {
    {http::Method::kPost, "/v1/chat/completions", answer_chat},
    {http::Method::kPost, "/v1/completions", answer_completion},
    {http::Method::kPost, "/v1/embeddings", answer_embeddings},
    {http::Method::kGet, "/v1/models", answer_models},
    {http::Method::kGet, "/v1/models/{model...}", answer_model},
    {http::Method::kPost, "/v1/responses", answer_response},
    {http::Method::kGet, "/v1/responses/{id}", answer_stored},
    {http::Method::kDelete, "/v1/responses/{id}", answer_deleted},
    {http::Method::kGet, "/v1/responses/{id}/input_items", answer_input_items},
};

}  // namespace

std::vector<http::Route> openai_routes(const Service& service) {
  std::vector<http::Route> routes;
  for (const Row& row : kRows) {
    routes.push_back(
        {row.method, row.pattern, [&service, answer = row.answer](http::Exchange& exchange) {
           return told_in_shape(service, exchange, answer);
         }});
  }
  return routes;
}

}  // namespace sirocco::openai
