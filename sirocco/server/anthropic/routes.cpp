#include "sirocco/server/anthropic/routes.hpp"

#include <string>

#include "sirocco/server/anthropic/error_body.hpp"
#include "sirocco/server/api_routes.hpp"

namespace sirocco::anthropic {
namespace {

constexpr std::string_view kMessages = "/v1/messages";

constexpr ApiRoute kRoutes[] = {
    {http::Method::kPost, kMessages.data(), answer_messages},
    {http::Method::kPost, "/v1/messages/count_tokens", answer_token_count},
};

std::string tell(const ApiError& error, const http::Request& request) {
  return error_body(error, request.id);
}

}  // namespace

std::vector<http::Route> anthropic_routes(const Service& service) {
  return api_routes(service, kRoutes, tell);
}

bool has_path(std::string_view path) {
  if (!path.starts_with(kMessages)) return false;
  path.remove_prefix(kMessages.size());
  return path.empty() || path.starts_with('/');
}

}  // namespace sirocco::anthropic
