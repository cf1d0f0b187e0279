#pragma once

#include <string>
#include <string_view>

#include "sirocco/server/api_error.hpp"

namespace sirocco::anthropic {

/// {"type": "error", "error": {"type", "message"}, "request_id"}; the type follows from the status.
/// As the body of an answer, or as an event of a stream. The shape has no place for the member that
/// an error is about, so the message begins with it.
std::string error_body(const ApiError& error, std::string_view request_id);

}  // namespace sirocco::anthropic
