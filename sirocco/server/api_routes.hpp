#pragma once

#include <span>
#include <vector>

#include "sirocco/server/api_error.hpp"
#include "sirocco/server/http/routes.hpp"
#include "sirocco/server/service.hpp"

namespace sirocco {

/// What an API answers at a path. What it throws is told in the API's shape.
struct ApiRoute {
  http::Method method;
  const char* pattern;
  http::Task<http::Answered> (*answer)(const Service& service, http::Exchange& exchange);
};

/// The body of an error in the shape of an API; some name the request in it.
using TellError = std::string (*)(const ApiError& error, const http::Request& request);

/// A table of routes as the server takes them; `service` outlives them.
std::vector<http::Route> api_routes(const Service& service, std::span<const ApiRoute> table,
                                    TellError tell);

/// The answer for an error whose body is `body`.
http::Response error_response(const ApiError& error, std::string body);

}  // namespace sirocco
