#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/server/guard.hpp"
#include "sirocco/server/http/request_parser.hpp"

namespace {

using sirocco::http::RequestParser;
using State = RequestParser::State;

constexpr std::size_t kMaxBody = 1000;

/// Reads requests that come in pieces of `piece` bytes, as a connection does, as far as it would.
/// What it says of the last one, and how far it came.
struct Reading {
  State state = State::kHead;
  int status = 0;
  std::size_t used = 0;
  std::size_t requests = 0;
};

Reading read(std::string_view bytes, std::size_t piece, const sirocco::Guard& guard) {
  Reading reading;
  std::size_t come = 0;
  RequestParser parser({2000, 20});
  for (;;) {
    const std::size_t used = parser.feed(bytes.substr(reading.used, come - reading.used));
    reading.used += used;
    SIROCCO_CHECK(reading.used <= come);
    reading.state = parser.state();
    if (reading.state == State::kRefused) {
      reading.status = parser.refusal().status;
      SIROCCO_CHECK(reading.status >= 400 && sirocco::is_utf8(parser.refusal().message));
      return reading;
    }
    if (reading.state == State::kHeadDone) {
      const sirocco::http::Request& request = parser.request();
      SIROCCO_CHECK(sirocco::is_utf8(request.path) && !request.raw_path.empty());
      SIROCCO_CHECK(request.headers.size() <= 20);
      guard(request, false);
      parser.begin_body(kMaxBody);
    } else if (reading.state == State::kDone) {
      SIROCCO_CHECK(parser.request().body.size() <= kMaxBody);
      if (!parser.request().keeps_alive) return reading;
      ++reading.requests;
      parser = RequestParser({2000, 20});
    } else if (used == 0) {
      if (come == bytes.size()) return reading;
      come = come + piece < bytes.size() ? come + piece : bytes.size();
    }
  }
}

}  // namespace

/// Any bytes are requests or refused, whatever pieces they come in, and the guard has an answer to
/// each of them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const sirocco::Guard guard([] {
    sirocco::GuardOptions options;
    options.keys = {"key"};
    options.origins = {"https://a.example"};
    return options;
  }());
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Reading whole = read(bytes, bytes.size() + 1, guard);
  const Reading pieces = read(bytes, std::size_t{1} + data[0] % 64, guard);
  SIROCCO_CHECK(whole.state == pieces.state && whole.status == pieces.status);
  SIROCCO_CHECK(whole.requests == pieces.requests);
  return 0;
}
