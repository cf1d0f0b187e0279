#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sirocco::http {

/// Seconds of a steady clock, from wherever it began.
using Seconds = double;

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

/// "GET" and so on; "OTHER" for methods that no route has.
std::string_view method_name(Method method);
Method method_of(std::string_view name);

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

/// The value of the first header of that name, however its letters are written.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Names with their values, in the order they came.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Who asks, as the gate found out.
struct Caller {
  std::uint64_t owner = 0;  ///< the same for the same key, never 0 for one; 0: nobody asked for one
  std::string label;        ///< what logs call the key; never the key itself
};

/// A request as a handler sees it. Until its route is known, `parameters` and `body` are empty.
struct Request {
  std::string id;  ///< the client's x-request-id where that is sound, or one of ours
  Method method = Method::kOther;
  std::string raw_path;               ///< the path as it was sent, without the query: for logs
  std::string path;                   ///< the same percent-decoded; well-formed UTF-8 without NUL
  std::vector<std::string> segments;  ///< the path cut at its slashes, then decoded
  Parameters query;                   ///< decoded
  Parameters parameters;              ///< what stands for the `{name}`s of the route's pattern
  Headers headers;
  std::string host;  ///< what the client wants to have reached, with the port if it said one
  std::string body;  ///< whole, and without its transfer coding
  std::string peer;  ///< the client's address, in digits
  Caller caller;
  bool keeps_alive = false;  ///< the client may send more on this connection
  bool chunks = false;       ///< the client understands chunks: HTTP/1.1

  std::optional<std::string_view> header(std::string_view name) const;
  std::optional<std::string_view> query_value(std::string_view name) const;
  /// The value of a parameter that the route's pattern has.
  std::string_view parameter(std::string_view name) const;
};

/// A whole answer.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Headers headers;  ///< more of them; none that tells of length, coding or connection
};

/// A body of JSON. (GCC before 13 destroys members of an aggregate twice that is written out in the
/// expression that a coroutine awaits.)
inline Response json_response(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

/// Why a request isn't done: becomes a Response through the server's ErrorBody.
struct Refusal {
  int status = 500;
  std::string code;     ///< for programs: "body_too_large"
  std::string message;  ///< for people: one line, safe to print
  Headers headers;      ///< such as Allow
};

/// "Not Found" and so on; what stands behind the status on an answer's first line.
std::string_view reason_phrase(int status);

}  // namespace sirocco::http
