#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

struct HttpHeader {
  std::string name;
  std::string value;
};

/// An HttpHead is what stands before the body of an answer.
struct HttpHead {
  int status = 0;
  std::vector<HttpHeader> headers;

  /// The value of the header `name` in whatever case; the last one where there are several, null
  /// without.
  const std::string* find(std::string_view name) const;
};

/// An HttpBody takes an answer as it arrives. What its functions throw leaves the request.
class HttpBody {
 public:
  virtual ~HttpBody() = default;
  /// The head, once, before any byte. False: no more of this answer is wanted.
  virtual bool begin(const HttpHead& head) = 0;
  /// The next bytes. False: no more of this answer is wanted.
  virtual bool take(std::span<const std::byte> bytes) = 0;
};

/// An HttpEnd is how an exchange ended.
struct HttpEnd {
  enum class Kind {
    kWhole,    ///< the answer is here, whatever its status
    kStopped,  ///< the body wanted no more
    kCut,      ///< no connection, or it broke off, or it stalled: worth another try
    kRefused,  ///< a connection that will fail again, such as one to a server without a valid
               ///< certificate
    kCancelled
  };
  Kind kind = Kind::kWhole;
  std::string reason;  ///< for a message; empty but for kCut and kRefused
};

/// An HttpTransport makes requests, one after the other, over connections that it keeps. It follows
/// no redirects and repeats nothing. For one thread at a time.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  /// GETs an absolute http or https address. Ends early, within a second or so, when a stop is
  /// requested.
  virtual HttpEnd get(const std::string& url, std::span<const HttpHeader> headers, HttpBody& body,
                      const std::stop_token& stop) = 0;
};

}  // namespace sirocco
