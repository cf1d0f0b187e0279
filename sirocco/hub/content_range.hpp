#pragma once

#include <cstdint>
#include <optional>

#include "sirocco/hub/http.hpp"

/// What heads of answers say of bytes (RFC 9110).
namespace sirocco {

/// A ContentRange is which bytes of a file an answer holds, both ends included.
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total;  ///< of the file; nothing where the server doesn't know it
};

/// The Content-Range, "bytes 0-99/1000"; nothing where there is none that makes sense.
std::optional<ContentRange> content_range(const HttpHead& head);

/// The Content-Length; nothing where there is none that makes sense.
std::optional<std::uint64_t> content_length(const HttpHead& head);

}  // namespace sirocco
