#pragma once

#include <string_view>
#include <vector>

#include "sirocco/server/http/routes.hpp"
#include "sirocco/server/service.hpp"

namespace sirocco::anthropic {

/// The routes of Anthropic's API; `service` outlives them.
std::vector<http::Route> anthropic_routes(const Service& service);

/// Whether a path is of this API, so that errors there have its shape.
bool has_path(std::string_view path);

http::Task<http::Answered> answer_messages(const Service& service, http::Exchange& exchange);
http::Task<http::Answered> answer_token_count(const Service& service, http::Exchange& exchange);

}  // namespace sirocco::anthropic
