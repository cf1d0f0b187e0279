#include <fmt/format.h>

#include <memory>
#include <string>

#include "sirocco/server/api_error.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/writer.hpp"
#include "sirocco/server/openai/responses/response_items.hpp"
#include "sirocco/server/openai/responses/response_store.hpp"
#include "sirocco/server/openai/routes.hpp"

namespace sirocco::openai {
namespace {

std::string id_of(const http::Exchange& exchange) {
  return std::string(exchange.request().parameter("id"));
}

[[noreturn]] void fail_unknown(const std::string& id) {
  throw ApiFailure({404,
                    fmt::format("there is no response {}; if there was one, it was forgotten, or "
                                "made with \"store\": false or another key",
                                sirocco::quoted(id)),
                    {},
                    "response_not_found"});
}

std::shared_ptr<const StoredResponse> stored(const Service& service,
                                             const http::Exchange& exchange) {
  auto found = service.responses().find(exchange.request().caller.owner, id_of(exchange));
  if (!found) fail_unknown(id_of(exchange));
  return found;
}

}  // namespace

http::Task<http::Answered> answer_stored(const Service& service, http::Exchange& exchange) {
  if (exchange.request().query_value("stream").value_or("false") != "false") {
    throw InvalidRequest("stream", "unsupported_value",
                         "stream: a response that is kept isn't streamed again");
  }
  const auto found = stored(service, exchange);
  co_return co_await exchange.respond(http::json_response(found->body));
}

http::Task<http::Answered> answer_deleted(const Service& service, http::Exchange& exchange) {
  const std::string id = id_of(exchange);
  if (!service.responses().erase(exchange.request().caller.owner, id)) fail_unknown(id);
  json::Writer out;
  out.open_object().member("id", id).member("object", "response").member("deleted", true);
  out.close_object();
  co_return co_await exchange.respond(http::json_response(out.take()));
}

http::Task<http::Answered> answer_input_items(const Service& service, http::Exchange& exchange) {
  const ItemPage page = read_item_page(exchange.request().query);
  const auto found = stored(service, exchange);
  std::vector<const MessageItem*> items = items_of(found->turn.get());
  items.pop_back();  // the answer
  co_return co_await exchange.respond(http::json_response(item_page_body(items, page)));
}

}  // namespace sirocco::openai
