#include "sirocco/server/guard.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using http::Caller;
using http::GateResult;
using http::Headers;
using http::Method;
using http::Refusal;
using http::Request;
using http::Response;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

/// Four numbers of at most 255, of which the first is 127.
bool is_loopback_v4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number > 255 || (part == 0 && number != 127)) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (part < 3) {
      if (!text.starts_with('.')) return false;
      text.remove_prefix(1);
    }
  }
  return text.empty();
}

struct Origin {
  std::string scheme;
  HostAndPort place;
};

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

std::optional<Origin> parse_origin(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == text.npos) return std::nullopt;
  Origin origin;
  origin.scheme = lower_case(text.substr(0, end));
  if (origin.scheme != "http" && origin.scheme != "https") return std::nullopt;
  std::optional<HostAndPort> place = parse_host(text.substr(end + 3));
  if (!place) return std::nullopt;
  origin.place = std::move(*place);
  return origin;
}

/// The key that a request has with it, by any of the names that APIs have for it.
std::string_view key_with(const Request& request) {
  constexpr std::string_view kBearer = "bearer ";
  if (const auto authorization = request.header("authorization")) {
    if (http::equal_ignoring_case(authorization->substr(0, kBearer.size()), kBearer)) {
      std::string_view key = authorization->substr(kBearer.size());
      while (key.starts_with(' ')) key.remove_prefix(1);
      return key;
    }
  }
  for (const std::string_view name : {"x-api-key", "api-key"}) {
    if (const auto key = request.header(name)) return *key;
  }
  return {};
}

/// Never 0, which is nobody's.
std::uint64_t owner_of(std::string_view key) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  std::uint64_t owner = 0;
  for (std::size_t i = 0; i < sizeof(owner); ++i) owner = owner << 8 | digest[i];
  return owner == 0 ? 1 : owner;
}

Refusal forbidden(std::string code, std::string message) {
  return {403, std::move(code), std::move(message), {}};
}

}  // namespace

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return lower_case(host) == "localhost" || host == "::1" || is_loopback_v4(host);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<HostAndPort> parse_host(std::string_view text) {
  HostAndPort parsed;
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == text.npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port[0] != ':') return std::nullopt;
    if (host.find_first_not_of("0123456789abcdefABCDEF:.%") != host.npos) return std::nullopt;
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    host = text.substr(0, end);
    port = text.substr(end);
    constexpr std::string_view kLetters =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_";
    if (host.find_first_not_of(kLetters) != host.npos) return std::nullopt;
  }
  if (host.empty()) return std::nullopt;
  // A last dot says that a name is whole, which it is here in any case.
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  parsed.host = lower_case(host);
  if (!port.empty()) {
    port.remove_prefix(1);
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
    parsed.port = number;
  }
  return parsed;
}

Guard::Guard(GuardOptions options) : options_(std::move(options)) {
  loopback_ = is_loopback_host(options_.host);
  if (!loopback_ && options_.keys.empty() && !options_.allow_public_without_key) {
    throw InvalidArgument(
        "on {} everyone who reaches this machine could use the server: give it an API key, or let "
        "it listen on 127.0.0.1",
        sirocco::quoted(options_.host));
  }
  for (std::size_t i = 0; i < options_.keys.size(); ++i) {
    std::string& key = options_.keys[i];
    const bool sound = !key.empty() && std::all_of(key.begin(), key.end(),
                                                   [](char c) { return c > 0x20 && c < 0x7F; });
    if (!sound) {
      throw InvalidArgument("the API key number {} has no letters, or others than ASCII's", i + 1);
    }
    const std::uint64_t owner = owner_of(key);
    keys_.push_back({std::move(key), Caller{owner, std::to_string(i + 1)}});
  }
  options_.keys.clear();
  for (std::string& name : options_.host_names) {
    std::optional<HostAndPort> parsed = parse_host(name);
    if (!parsed || parsed->port)
      throw InvalidArgument("{} is no name of a host", sirocco::quoted(name));
    name = std::move(parsed->host);
  }
  for (const std::string& origin : options_.origins) {
    if (origin != "null" && !parse_origin(origin)) {
      throw InvalidArgument("{} is no origin, such as https://chat.example",
                            sirocco::quoted(origin));
    }
  }
}

/// All keys are compared, so that the time doesn't tell which one came close.
const Guard::Key* Guard::key_of(const Request& request) const {
  const std::string_view given = key_with(request);
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (equal_in_constant_time(key.text, given)) found = &key;
  }
  return found;
}

bool Guard::host_is_own(std::string_view host) const {
  const std::optional<HostAndPort> parsed = parse_host(host);
  if (!parsed) return false;
  const std::string& name = parsed->host;
  if (is_loopback_host(name)) return true;
  const auto& names = options_.host_names;
  if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  const std::optional<HostAndPort> bound = parse_host(options_.host);
  return bound && bound->host == name;
}

bool Guard::origin_is_listed(std::string_view origin) const {
  return std::any_of(
      options_.origins.begin(), options_.origins.end(),
      [&](const std::string& listed) { return http::equal_ignoring_case(listed, origin); });
}

bool Guard::origin_is_own(std::string_view origin, std::string_view host) const {
  const std::optional<Origin> parsed = parse_origin(origin);
  const std::optional<HostAndPort> own = parse_host(host);
  if (!parsed || !own) return false;
  const std::string_view scheme = options_.tls ? "https" : "http";
  return parsed->scheme == scheme && parsed->place.host == own->host &&
         parsed->place.port.value_or(default_port(scheme)) ==
             own->port.value_or(default_port(scheme));
}

GateResult Guard::operator()(const Request& request, bool open) const {
  GateResult result;
  // No browser leaves its host out, and only browsers can be led here by a name.
  if (loopback_ && !request.host.empty() && !host_is_own(request.host)) {
    result.verdict = forbidden("host_not_allowed",
                               fmt::format("this server isn't reached by the name {}; names of its "
                                           "own can be given to it",
                                           sirocco::quoted(request.host)));
    return result;
  }
  const std::optional<std::string_view> origin = request.header("origin");
  const bool listed = origin && origin_is_listed(*origin);
  if (!options_.origins.empty()) result.headers.push_back({"Vary", "Origin"});
  if (listed) {
    result.headers.push_back({"Access-Control-Allow-Origin", std::string(*origin)});
    result.headers.push_back(
        {"Access-Control-Expose-Headers", "X-Request-Id, Request-Id, Retry-After"});
  }
  const bool exposed = loopback_ || keys_.empty();
  if (origin && !listed && exposed && !origin_is_own(*origin, request.host)) {
    result.verdict =
        forbidden("origin_not_allowed",
                  fmt::format("web pages of {} may not use this server", sirocco::quoted(*origin)));
    return result;
  }
  if (listed && request.method == Method::kOptions &&
      request.header("access-control-request-method")) {
    result.headers.push_back({"Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"});
    const auto wanted = request.header("access-control-request-headers");
    if (wanted) result.headers.push_back({"Access-Control-Allow-Headers", std::string(*wanted)});
    if (request.header("access-control-request-private-network")) {
      result.headers.push_back({"Access-Control-Allow-Private-Network", "true"});
    }
    result.headers.push_back({"Access-Control-Max-Age", "600"});
    Response response;
    response.status = 204;
    result.verdict = std::move(response);
    return result;
  }
  if (keys_.empty()) return result;
  // A known key counts on open routes too: their answers may depend on who asks.
  if (const Key* key = key_of(request)) {
    result.verdict = key->caller;
  } else if (!open) {
    result.verdict = Refusal{401,
                             "invalid_api_key",
                             "an API key of this server is needed, as Authorization: Bearer KEY or "
                             "x-api-key: KEY",
                             {{"WWW-Authenticate", "Bearer"}}};
  }
  return result;
}

}  // namespace sirocco
