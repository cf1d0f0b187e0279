#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "sirocco/server/http/message.hpp"

namespace sirocco::http {

struct HeadLimits {
  std::size_t max_bytes = 16 << 10;
  std::size_t max_fields = 100;
};

/// One request of HTTP/1.0 or 1.1, read as its bytes come. It refuses whatever two programs could
/// read in two ways (RFC 9112, sections 2.2, 5 and 6): a length beside a transfer coding, two
/// lengths, several Host fields, folded lines, codings other than chunked.
///
/// The head comes first; then `begin_body` says how much may follow.
class RequestParser {
 public:
  enum class State {
    kHead,      ///< more bytes are needed
    kHeadDone,  ///< the head is there: begin_body
    kBody,      ///< more bytes are needed
    kDone,
    kRefused,  ///< see refusal; nothing more can be read after it
  };

  explicit RequestParser(HeadLimits limits);
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;
  ~RequestParser();

  /// Takes what it can use from the beginning of `bytes` and says how much that was; what is left
  /// over comes again, with more behind it. It never takes bytes of the next request.
  std::size_t feed(std::string_view bytes);
  State begin_body(std::size_t max_body_bytes);

  State state() const;
  /// In state kRefused.
  const Refusal& refusal() const;
  /// What is known; whole in state kDone. Its id, peer, caller and parameters are the caller's to
  /// set.
  Request& request();

  /// From kHeadDone on: bytes of the body where the head says, 0 where there is none; nothing for
  /// chunks.
  std::optional<std::uint64_t> content_length() const;
  /// The client waits for "100 Continue" before it sends the body.
  bool expects_continue() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sirocco::http
