#pragma once

#include <string>

#include "sirocco/server/api_error.hpp"

namespace sirocco::openai {

/// {"error": {"message", "type", "param", "code"}}; the type follows from the status. As the body
/// of an answer, or as an event of a stream.
std::string error_body(const ApiError& error);

}  // namespace sirocco::openai
