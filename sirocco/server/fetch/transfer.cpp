#include "sirocco/server/fetch/transfer.hpp"

#include <curl/curl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

List list_of(const std::string& line) {
  List list(curl_slist_append(nullptr, line.c_str()));
  if (list == nullptr) throw std::bad_alloc();
  return list;
}

/// What libcurl's callbacks, which are C, work on.
struct Transfer {
  CURL* handle;
  std::span<const IpAddress> addresses;
  std::size_t max_bytes;
  const std::stop_token& stop;
  std::vector<std::byte> body;
  bool refused = false;   // the address that was to be connected to
  bool too_long = false;  // the body
  bool unwanted = false;  // a body of another status
  bool out_of_memory = false;
};

curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* to) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const auto address = IpAddress::of(to->addr);
  if (!address || std::ranges::find(transfer.addresses, *address) == transfer.addresses.end()) {
    transfer.refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  long status = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  transfer.unwanted = status != 200;
  if (transfer.unwanted) return CURL_WRITEFUNC_ERROR;
  transfer.too_long = bytes > transfer.max_bytes - transfer.body.size();
  if (transfer.too_long) return CURL_WRITEFUNC_ERROR;
  try {
    const auto* const first = reinterpret_cast<const std::byte*>(data);
    transfer.body.insert(transfer.body.end(), first, first + bytes);
  } catch (const std::bad_alloc&) {
    transfer.out_of_memory = true;
    return CURL_WRITEFUNC_ERROR;
  }
  return bytes;
}

int look_for_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->stop.stop_requested() ? 1 : 0;
}

std::string header_of(CURL* handle, const char* name) {
  curl_header* header = nullptr;
  if (curl_easy_header(handle, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return "";
  std::string value = header->value;
  // Of an empty one the end of the line may be left.
  while (!value.empty() && std::string_view(" \t\r\n").find(value.back()) != std::string_view::npos)
    value.pop_back();
  return value;
}

std::string media_type(std::string value) {
  value.resize(std::min(value.find(';'), value.size()));
  while (value.ends_with(' ') || value.ends_with('\t')) value.pop_back();
  for (char& c : value) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return value;
}

/// "host:port:address,address": libcurl asks nobody else what the host means.
std::string pin(const Url& url, std::span<const IpAddress> addresses) {
  std::vector<std::string> texts;
  for (const IpAddress& address : addresses)
    texts.push_back(address.is_ipv4() ? address.text() : fmt::format("[{}]", address.text()));
  return fmt::format("{}:{}:{}", url.host(), url.port(), fmt::join(texts, ","));
}

}  // namespace

TransferEnd transfer(const Url& url, std::span<const IpAddress> addresses,
                     const TransferLimits& limits, const std::stop_token& stop) {
  const std::unique_ptr<CURL, FreeHandle> handle(curl_easy_init());
  if (handle == nullptr) throw std::bad_alloc();
  const auto set = [&](CURLoption option, auto value) {
    const CURLcode code = curl_easy_setopt(handle.get(), option, value);
    if (code != CURLE_OK) throw IoError("libcurl can't be set up: {}", curl_easy_strerror(code));
  };
  Transfer state{handle.get(), addresses, limits.max_bytes, stop, {}};
  const bool digits = IpAddress::parse(url.host()).has_value();
  const List pinned = digits ? List() : list_of(pin(url, addresses));
  const List headers = list_of("Accept: image/*");
  char why[CURL_ERROR_SIZE] = {};
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(why));
  set(CURLOPT_URL, url.text().c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_RESOLVE, pinned.get());
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, &state);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(limits.timeout.count()));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, look_for_stop);
  set(CURLOPT_XFERINFODATA, &state);
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, &state);
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_USERAGENT, "sirocco/" SIROCCO_VERSION);
  const CURLcode code = curl_easy_perform(handle.get());
  if (stop.stop_requested()) throw Cancelled("nobody waits for it");
  if (state.out_of_memory) throw std::bad_alloc();
  if (state.refused) throw InvalidArgument("its host leads elsewhere now");
  if (state.too_long) throw InvalidArgument("the file has more than {} bytes", limits.max_bytes);
  if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && state.unwanted))
    throw IoError("{}", why[0] == '\0' ? curl_easy_strerror(code) : why);
  TransferEnd out;
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  out.status = static_cast<int>(status);
  out.location = header_of(handle.get(), "location");
  out.content_type = media_type(header_of(handle.get(), "content-type"));
  out.body = std::move(state.body);
  return out;
}

}  // namespace sirocco
