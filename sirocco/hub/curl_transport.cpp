#include "sirocco/hub/curl_transport.hpp"

#include <curl/curl.h>

#include <charconv>
#include <exception>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxHeadBytes = std::size_t{64} << 10;

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// What one request has come to. libcurl's callbacks are C: what they throw is kept until it has
/// returned.
struct Exchange {
  HttpBody& body;
  const std::stop_token& stop;
  HttpHead head;
  std::size_t head_bytes = 0;
  bool begun = false;
  bool stopped = false;
  std::exception_ptr thrown;

  bool begin() {
    if (begun) return true;
    begun = true;
    stopped = !body.begin(head);
    return !stopped;
  }
};

/// Runs a callback's work; false also for what it threw.
template <class Work>
bool guarded(Exchange& exchange, Work work) {
  try {
    return work();
  } catch (...) {
    exchange.thrown = std::current_exception();
    return false;
  }
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::size_t bytes = size * count;
  const bool taken = guarded(exchange, [&] {
    const std::string_view line = trimmed({data, bytes});
    exchange.head_bytes += bytes;
    if (exchange.head_bytes > kMaxHeadBytes)
      throw FormatError("a server's answer has more than {} KiB of headers", kMaxHeadBytes >> 10);
    if (line.starts_with("HTTP/")) {
      // A head of its own stands before that of the answer, where the server asked to go on.
      exchange.head = {};
      const std::string_view status = trimmed(line.substr(std::min(line.find(' '), line.size())));
      std::from_chars(status.data(), status.data() + status.size(), exchange.head.status);
    } else if (const std::size_t colon = line.find(':'); colon != line.npos) {
      exchange.head.headers.push_back({std::string(trimmed(line.substr(0, colon))),
                                       std::string(trimmed(line.substr(colon + 1)))});
    }
    return true;
  });
  return taken ? bytes : 0;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::size_t bytes = size * count;
  const bool taken = guarded(exchange, [&] {
    if (!exchange.begin()) return false;
    exchange.stopped = !exchange.body.take(std::as_bytes(std::span(data, bytes)));
    return !exchange.stopped;
  });
  return taken ? bytes : 0;
}

int look_for_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(user)->stop.stop_requested() ? 1 : 0;
}

/// Whether the same request fails again, whenever it is made.
bool is_lasting(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ENGINE_NOTFOUND:
      return true;
    default:
      return false;
  }
}

class CurlTransport final : public HttpTransport {
 public:
  explicit CurlTransport(const CurlOptions& options) {
    start_curl();
    handle_.reset(curl_easy_init());
    if (handle_ == nullptr) throw IoError("libcurl makes no handle: out of memory");
    set(CURLOPT_ERRORBUFFER, error_);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, look_for_stop);
    set(CURLOPT_HEADERFUNCTION, take_header);
    set(CURLOPT_WRITEFUNCTION, take_body);
    set(CURLOPT_BUFFERSIZE, 256L << 10);
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout.count()));
    set(CURLOPT_USERAGENT, "sirocco/" SIROCCO_VERSION);
  }

  HttpEnd get(const std::string& url, std::span<const HttpHeader> headers, HttpBody& body,
              const std::stop_token& stop) override {
    std::unique_ptr<curl_slist, FreeList> list;
    for (const HttpHeader& header : headers) {
      curl_slist* const longer =
          curl_slist_append(list.get(), (header.name + ": " + header.value).c_str());
      if (longer == nullptr) throw std::bad_alloc();
      [[maybe_unused]] curl_slist* const same = list.release();
      list.reset(longer);
    }
    Exchange exchange{body, stop, {}, 0, false, false, nullptr};
    error_[0] = '\0';
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_HTTPHEADER, list.get());
    set(CURLOPT_HEADERDATA, &exchange);
    set(CURLOPT_WRITEDATA, &exchange);
    set(CURLOPT_XFERINFODATA, &exchange);
    const CURLcode code = curl_easy_perform(handle_.get());
    set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
    if (exchange.thrown) std::rethrow_exception(exchange.thrown);
    if (exchange.stopped) return {HttpEnd::Kind::kStopped, ""};
    if (stop.stop_requested()) return {HttpEnd::Kind::kCancelled, ""};
    if (code == CURLE_OK) {
      // An answer without a body has begun too.
      return {exchange.begin() ? HttpEnd::Kind::kWhole : HttpEnd::Kind::kStopped, ""};
    }
    return {is_lasting(code) ? HttpEnd::Kind::kRefused : HttpEnd::Kind::kCut,
            error_[0] == '\0' ? curl_easy_strerror(code) : error_};
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    const CURLcode code = curl_easy_setopt(handle_.get(), option, value);
    if (code != CURLE_OK) throw IoError("libcurl can't be set up: {}", curl_easy_strerror(code));
  }

  std::unique_ptr<CURL, FreeHandle> handle_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK)
    throw IoError("libcurl can't be started: {}", curl_easy_strerror(started));
}

std::unique_ptr<HttpTransport> make_curl_transport(const CurlOptions& options) {
  return std::make_unique<CurlTransport>(options);
}

}  // namespace sirocco
