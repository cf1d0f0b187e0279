#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "sirocco/server/http/message.hpp"

namespace sirocco::http {

/// How a reader finds the end of an answer's body.
enum class Framing {
  kNone,    ///< there is none, and nothing tells of its length: 204, 304
  kLength,  ///< Content-Length
  kChunks,
  kClose,  ///< the end of the connection: HTTP/1.0
};

/// What stands before an answer's body.
struct ResponseHead {
  int status = 200;
  std::string content_type = {};  ///< empty: none
  Headers headers = {};
  std::string request_id = {};
  Framing framing = Framing::kLength;
  std::uint64_t length = 0;  ///< for kLength
  bool closes = false;       ///< the connection ends after the answer
  bool keeps_alive = false;  ///< it doesn't, and the client speaks HTTP/1.0 and asked for that
};

/// The bytes of a head; `now` is what the Date header says. Throws InvalidArgument for names and
/// values of headers that would break it.
std::string response_head_text(const ResponseHead& head, std::time_t now);

/// `bytes` as one chunk; nothing of no bytes, which would be the last.
std::string chunk_text(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace sirocco::http
