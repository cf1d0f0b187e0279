#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/http/message.hpp"

namespace sirocco::http {

/// What a request line asks for, taken apart.
struct Target {
  std::string authority;              ///< of "http://authority/path"; empty for a path alone
  std::string raw_path;               ///< as it was sent
  std::string path;                   ///< percent-decoded
  std::vector<std::string> segments;  ///< of "/a/b%2Fc": "a", "b/c"; of "/": one that is empty
  Parameters query;
};

/// The target of a request line: a path with or without a query, an absolute http or https URL, or
/// "*" (which has no segments). Nothing when it is none of them, an escape is broken, or what is
/// decoded isn't UTF-8 without control characters.
std::optional<Target> parse_target(std::string_view text);

/// `text` with each %XX as its byte; nothing when an escape is broken.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace sirocco::http
