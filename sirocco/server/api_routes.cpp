#include "sirocco/server/api_routes.hpp"

#include <optional>
#include <string>
#include <utility>

namespace sirocco {
namespace {

/// Tells failures in the shape of the API, with the place in the request that they are about.
http::Task<http::Answered> told_in_shape(const Service& service, http::Exchange& exchange,
                                         ApiRoute route, TellError tell) {
  std::optional<ApiError> error;
  try {
    co_return co_await route.answer(service, exchange);
  } catch (const http::ClientGone&) {
    throw;
  } catch (const Error& e) {
    error = api_error(e);
  }
  co_return co_await exchange.respond(error_response(*error, tell(*error, exchange.request())));
}

}  // namespace

std::vector<http::Route> api_routes(const Service& service, std::span<const ApiRoute> table,
                                    TellError tell) {
  std::vector<http::Route> routes;
  for (const ApiRoute& row : table) {
    routes.push_back({row.method, row.pattern, [&service, row, tell](http::Exchange& exchange) {
                        return told_in_shape(service, exchange, row, tell);
                      }});
  }
  return routes;
}

http::Response error_response(const ApiError& error, std::string body) {
  http::Response response = http::json_response(std::move(body), error.status);
  if (error.status == 429 || error.status == 503) response.headers.push_back({"retry-after", "1"});
  return response;
}

}  // namespace sirocco
