#include "sirocco/server/http/request_parser.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/server/http/target.hpp"

namespace sirocco::http {
namespace {

namespace beast = boost::beast::http;
using Code = boost::system::error_code;
using Text = boost::beast::string_view;

std::string_view view(Text text) { return {text.data(), text.size()}; }

Refusal bad_request(std::string message) {
  return Refusal{400, "bad_request", std::move(message), {}};
}

Refusal too_large(std::size_t max_bytes) {
  return Refusal{413,
                 "body_too_large",
                 fmt::format("the body has more than the {} bytes that are taken", max_bytes),
                 {}};
}

/// What a host with a port is made of; nothing of it has a meaning in a log or a page.
bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view(".-_:[]%").find(c) != std::string_view::npos;
  });
}

/// Beast reads the grammar; what it finds is collected here.
class Collector : public beast::basic_parser<true> {
 public:
  Collector(Request& request, std::size_t max_fields) : request_(request), max_fields_(max_fields) {
    // Both are counted here: Beast's limit on heads holds for what it is given at once.
    header_limit(0xFFFFFFFF);
    body_limit(boost::none);
  }

  std::optional<Refusal> refusal;
  std::string target;
  int version = 0;
  std::size_t max_body_bytes = 0;

 private:
  void refuse(Refusal why, Code& code) {
    if (!refusal) refusal = std::move(why);
    code = beast::error::bad_value;
  }
  bool fits(std::uint64_t more) const { return more <= max_body_bytes - request_.body.size(); }

  void on_request_impl(beast::verb, Text method, Text text, int number, Code&) override {
    request_.method = method_of(view(method));
    target = view(text);
    version = number;
  }
  void on_field_impl(beast::field, Text name, Text value, Code& code) override {
    // Trailers of a body in chunks say nothing that counts.
    if (head_done_) return;
    if (request_.headers.size() == max_fields_) {
      return refuse({431,
                     "too_many_headers",
                     fmt::format("the head has more than {} fields", max_fields_),
                     {}},
                    code);
    }
    request_.headers.push_back({std::string(view(name)), std::string(view(value))});
  }
  void on_header_impl(Code&) override { head_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(Text bytes, Code& code) override { return append(bytes, code); }
  void on_chunk_header_impl(std::uint64_t size, Text, Code& code) override {
    if (!fits(size)) refuse(too_large(max_body_bytes), code);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, Code& code) override {
    return append(bytes, code);
  }
  void on_finish_impl(Code&) override {}
  void on_response_impl(int, Text, int, Code&) override {}

  std::size_t append(Text bytes, Code& code) {
    if (!fits(bytes.size())) {
      refuse(too_large(max_body_bytes), code);
      return 0;
    }
    request_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  Request& request_;
  std::size_t max_fields_;
  bool head_done_ = false;
};

}  // namespace

class RequestParser::Implementation {
 public:
  explicit Implementation(HeadLimits limits)
      : limits_(limits), collector_(request_, limits.max_fields) {}

  std::size_t feed(std::string_view bytes) {
    if (state_ == State::kHead) return feed_head(bytes);
    if (state_ == State::kBody) return feed_body(bytes);
    return 0;
  }

  State begin_body(std::size_t max_body_bytes) {
    SIROCCO_CHECK(state_ == State::kHeadDone);
    // The head may have been moved out of it.
    request_.body.clear();
    collector_.max_body_bytes = max_body_bytes;
    if (collector_.is_done()) return state_ = State::kDone;
    if (const auto length = content_length(); length && *length > max_body_bytes) {
      return refuse(too_large(max_body_bytes));
    } else if (length) {
      // The system gives memory when it is written to: what is announced costs nothing yet.
      request_.body.reserve(static_cast<std::size_t>(*length));
    }
    collector_.eager(true);
    return state_ = State::kBody;
  }

  std::optional<std::uint64_t> content_length() const {
    if (collector_.is_done()) return 0;
    const auto length = collector_.content_length();
    return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
  }

  State state() const { return state_; }
  const Refusal& refusal() const { return *refusal_; }
  Request& request() { return request_; }
  bool expects_continue() const { return expects_continue_; }

 private:
  State refuse(Refusal refusal) {
    refusal_ = std::move(refusal);
    return state_ = State::kRefused;
  }

  std::size_t feed_head(std::string_view bytes) {
    // Empty lines before a request are skipped (RFC 9112, 2.2), within the limit of the head.
    std::size_t skipped = 0;
    while (scanned_ == 0 && bytes.substr(skipped, 2) == "\r\n") skipped += 2;
    skipped_ += skipped;
    const std::string_view head = bytes.substr(skipped);
    // Anything but the first letter of a method, such as TLS on a port that has none, is answered
    // before its sender waits for an end that it doesn't send.
    if (!head.empty() && head[0] != '\r' && !(head[0] >= 'A' && head[0] <= 'Z')) {
      refuse(bad_request("this is no HTTP request"));
      return skipped;
    }
    const std::size_t end = head.find("\r\n\r\n", scanned_);
    const std::size_t size = end == head.npos ? head.size() : end + 4;
    if (size > limits_.max_bytes || skipped_ > limits_.max_bytes) {
      refuse({431,
              "head_too_large",
              fmt::format("the head has more than {} bytes", limits_.max_bytes),
              {}});
      return skipped;
    }
    if (end == head.npos) {
      scanned_ = head.size() < 3 ? 0 : head.size() - 3;
      return skipped;
    }
    read_head(head.substr(0, size));
    return skipped + size;
  }

  void read_head(std::string_view head) {
    Code code;
    const std::size_t used = collector_.put({head.data(), head.size()}, code);
    if (collector_.refusal) {
      refuse(std::move(*collector_.refusal));
    } else if (code == beast::error::bad_version) {
      refuse({505, "http_version", "only HTTP/1.0 and HTTP/1.1 are spoken here", {}});
    } else if (code || used != head.size() || !collector_.is_header_done()) {
      refuse(bad_request("this is no HTTP request"));
    } else if (std::optional<Refusal> refusal = check_head(head)) {
      refuse(std::move(*refusal));
    } else {
      state_ = State::kHeadDone;
    }
  }

  /// What the grammar allows, and what must not be guessed at.
  std::optional<Refusal> check_head(std::string_view head) {
    if (head.find("\r\n ") != head.npos || head.find("\r\n\t") != head.npos) {
      return bad_request("a header is folded over several lines");
    }
    std::size_t hosts = 0;
    std::size_t lengths = 0;
    std::size_t codings = 0;
    for (const Header& header : request_.headers) {
      if (equal_ignoring_case(header.name, "host")) {
        ++hosts;
        request_.host = header.value;
      } else if (equal_ignoring_case(header.name, "content-length")) {
        ++lengths;
        if (header.value.find_first_not_of("0123456789") != header.value.npos) {
          return bad_request("content-length is no number");
        }
      } else if (equal_ignoring_case(header.name, "transfer-encoding")) {
        ++codings;
        if (!equal_ignoring_case(header.value, "chunked")) {
          return Refusal{
              501, "transfer_encoding", "chunked is the only known transfer-encoding", {}};
        }
      } else if (equal_ignoring_case(header.name, "expect")) {
        if (!equal_ignoring_case(header.value, "100-continue")) {
          return Refusal{417, "expectation", "100-continue is the only known expectation", {}};
        }
        expects_continue_ = collector_.version >= 11;
      }
    }
    if (lengths > 1 || codings > 1 || lengths + codings > 1) {
      return bad_request("the length of the body is given twice");
    }
    if (codings > 0 && collector_.version < 11) {
      return bad_request("HTTP/1.0 has no transfer-encoding");
    }
    if (hosts > 1 || (hosts == 0 && collector_.version >= 11)) {
      return bad_request("a request has one host header");
    }
    return check_target();
  }

  std::optional<Refusal> check_target() {
    std::optional<Target> target = parse_target(collector_.target);
    if (!target) return bad_request("the target of the request is no path");
    if (!target->authority.empty()) request_.host = std::move(target->authority);
    if (!is_host(request_.host)) return bad_request("the host is no name");
    request_.raw_path = std::move(target->raw_path);
    request_.path = std::move(target->path);
    request_.segments = std::move(target->segments);
    request_.query = std::move(target->query);
    request_.keeps_alive = collector_.keep_alive();
    request_.chunks = collector_.version >= 11;
    return std::nullopt;
  }

  std::size_t feed_body(std::string_view bytes) {
    Code code;
    const std::size_t used = collector_.put({bytes.data(), bytes.size()}, code);
    if (collector_.refusal) {
      refuse(std::move(*collector_.refusal));
    } else if (code && code != beast::error::need_more) {
      refuse(bad_request("the chunks of the body are broken"));
    } else if (collector_.is_done()) {
      state_ = State::kDone;
    } else if (bytes.size() - used > limits_.max_bytes) {
      // Of a body only the line that begins a chunk, and what comes after the last, have to be
      // there at once.
      refuse(bad_request("a line between chunks is too long"));
    }
    return used;
  }

  HeadLimits limits_;
  Request request_;
  Collector collector_;
  State state_ = State::kHead;
  std::optional<Refusal> refusal_;
  std::size_t scanned_ = 0;  // of the head, which has no end before
  std::size_t skipped_ = 0;
  bool expects_continue_ = false;
};

RequestParser::RequestParser(HeadLimits limits)
    : implementation_(std::make_unique<Implementation>(limits)) {}
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;
RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view bytes) { return implementation_->feed(bytes); }
RequestParser::State RequestParser::begin_body(std::size_t max_body_bytes) {
  return implementation_->begin_body(max_body_bytes);
}
RequestParser::State RequestParser::state() const { return implementation_->state(); }
const Refusal& RequestParser::refusal() const { return implementation_->refusal(); }
Request& RequestParser::request() { return implementation_->request(); }
std::optional<std::uint64_t> RequestParser::content_length() const {
  return implementation_->content_length();
}
bool RequestParser::expects_continue() const { return implementation_->expects_continue(); }

}  // namespace sirocco::http
