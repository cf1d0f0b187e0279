#include <fmt/format.h>

#include <chrono>
#include <deque>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/media_prompt.hpp"

namespace sirocco {
namespace {

/// A file on its way to a picture.
struct OnItsWay {
  SentMedium* picture;
  Fetching file;
};

/// What has come. Throws as fetch_pictures.
FetchedFile taken(OnItsWay& way) {
  try {
    return way.file.take();
  } catch (const Busy&) {
    throw;
  } catch (const Error& e) {
    refuse(*way.picture, "invalid_value",
           fmt::format("{} can't be fetched: {}", sirocco::quoted(*way.picture->source), e.what()));
  }
}

}  // namespace

http::Task<void> fetch_pictures(const Service& service, http::Exchange& exchange,
                                std::span<SentMedium> media, const SentMediaLimits& limits) {
  // So many of one request at a time that others have threads too.
  constexpr std::size_t kAtATime = 3;
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(limits.max_fetch_s);
  std::deque<OnItsWay> ways;
  std::size_t bytes = 0;
  for (std::size_t next = 0;;) {
    for (; next < media.size() && ways.size() < kAtATime; ++next) {
      SentMedium& picture = media[next];
      if (!picture.is_address()) continue;
      if (next >= limits.max_pictures) {
        refuse(picture, "invalid_value",
               fmt::format("a request may have {} pictures", limits.max_pictures));
      }
      if (service.fetcher() == nullptr) {
        refuse(picture, "unsupported_value",
               fmt::format("found {}; nothing is fetched, only data: URLs are read",
                           sirocco::quoted(*picture.source)));
      }
      ways.push_back(
          {&picture, service.fetcher()->begin(*picture.source, limits.max_bytes,
                                              [bell = exchange.signal()] { bell.ring(); })});
    }
    if (ways.empty()) co_return;
    if (OnItsWay& first = ways.front(); first.file.ended()) {
      first.picture->fetched = taken(first);
      bytes += first.picture->fetched->size();
      if (bytes > limits.max_bytes) {
        refuse(*first.picture, "invalid_value",
               fmt::format("the fetched pictures up to this one have {} bytes; those of a request "
                           "may have {}",
                           bytes, limits.max_bytes));
      }
      ways.pop_front();
      continue;
    }
    const double left = std::chrono::duration<double>(until - Clock::now()).count();
    if (left <= 0) {
      refuse(*ways.front().picture, "invalid_value",
             fmt::format("{} can't be fetched: it isn't there after {:.0f} s",
                         sirocco::quoted(*ways.front().picture->source), limits.max_fetch_s));
    }
    co_await exchange.wait_for(left);
  }
}

}  // namespace sirocco
