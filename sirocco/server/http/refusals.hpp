#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/http/message.hpp"

namespace sirocco::http {

// What the server itself has to say no to.

Refusal late_request();
Refusal draining();
Refusal bodies_take_all();
/// No route has the path; or one has it, for `allowed`.
Refusal no_route(const Request& request, const std::vector<Method>& allowed);
/// What a handler threw, as an answer; nothing for ClientGone. What is nobody's business but the
/// server's is logged, without anything that came with the request.
std::optional<Refusal> refusal_of(const std::exception_ptr& failure, const Request& request);

/// Whether a client's own name of a request can stand in logs and headers.
bool is_request_id(std::string_view text);
/// A name of ours.
std::string request_id(std::uint64_t number);

}  // namespace sirocco::http
