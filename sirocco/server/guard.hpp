#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/http/message.hpp"
#include "sirocco/server/http/server.hpp"

namespace sirocco {

struct GuardOptions {
  std::string host = "127.0.0.1";            ///< that the server listens on
  bool tls = false;                          ///< that it listens with
  std::vector<std::string> keys = {};        ///< without any, nobody is asked for one
  std::vector<std::string> host_names = {};  ///< that the server is also reached by
  std::vector<std::string> origins = {};     ///< of web pages that may use it: "https://a.example"
  bool allow_public_without_key = false;
};

/// Decides who may use a server: the gate of its requests.
///
/// - Keys: every route that isn't open wants one, as `Authorization: Bearer K`, `x-api-key: K` or
///   `api-key: K`; else 401. Comparing takes the same time for every wrong key of a length.
/// - Host: a server on loopback is reached by names that are its own, so that no other name can be
///   pointed at it (DNS rebinding); else 403.
/// - Origin: a web page reaches a server on loopback, or one without keys, from the server's own
///   origin or one of `origins`; else 403.
/// - CORS: pages of `origins` are told that they may read the answers, and their preflights are
///   answered. Nobody else's are.
///
/// Immutable; thread-safe.
class Guard {
 public:
  /// Throws InvalidArgument for keys that a header can't hold, for origins and names that are
  /// none, and for a server that everyone can reach without a key unless that is allowed.
  explicit Guard(GuardOptions options);

  http::GateResult operator()(const http::Request& request, bool open) const;

 private:
  struct Key {
    std::string text;
    http::Caller caller;
  };
  const Key* key_of(const http::Request& request) const;
  bool host_is_own(std::string_view host) const;
  bool origin_is_listed(std::string_view origin) const;
  bool origin_is_own(std::string_view origin, std::string_view host) const;

  GuardOptions options_;
  std::vector<Key> keys_;
  bool loopback_ = false;
};

/// Whether only programs on the same machine reach a server on `host`: addresses of 127.0.0.0/8,
/// ::1 and the name "localhost".
bool is_loopback_host(std::string_view host);

/// Whether the texts are the same, in a time that depends on their lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// A host with a port, as in a Host header or an origin: "a.example:80", "[::1]". The name in
/// lower case and without brackets.
struct HostAndPort {
  std::string host;
  std::optional<std::uint16_t> port;
};
std::optional<HostAndPort> parse_host(std::string_view text);

}  // namespace sirocco
