#include "sirocco/hub/patience.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <condition_variable>
#include <ctime>
#include <mutex>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

class SystemClock final : public HubClock {
 public:
  std::chrono::steady_clock::time_point now() const override {
    return std::chrono::steady_clock::now();
  }
  sys_seconds date() const override {
    return std::chrono::floor<seconds>(std::chrono::system_clock::now());
  }
  void wait(milliseconds time, const std::stop_token& stop) override {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, time, [] { return false; });
  }
};

struct Passing {
  int status;
  std::string_view reason;
};
constexpr std::array kPassing = {
    Passing{408, "the server waited too long for the request (408)"},
    Passing{425, "the server isn't ready (425)"},
    Passing{429, "the server has had too many requests (429)"},
    Passing{500, "the server has failed (500)"},
    Passing{502, "the server behind the server has failed (502)"},
    Passing{503, "the server is overloaded or being serviced (503)"},
    Passing{504, "the server behind the server doesn't answer (504)"},
};

std::optional<seconds> wait_in(const std::string& text, sys_seconds now) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error == std::errc() && rest == end && count >= 0) return seconds(count);
  std::tm date{};
  const char* const read = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (read == nullptr || *read != '\0') return std::nullopt;
  return std::max(seconds(0), seconds(timegm(&date)) - now.time_since_epoch());
}

}  // namespace

HubClock& system_clock() {
  static SystemClock clock;
  return clock;
}

std::optional<Setback> setback_of(const HttpHead& head, sys_seconds now) {
  const auto found = std::ranges::find(kPassing, head.status, &Passing::status);
  if (found == kPassing.end()) return std::nullopt;
  Setback out{std::string(found->reason), std::nullopt};
  if (const std::string* const asked = head.find("Retry-After"))
    out.wait_asked = wait_in(*asked, now);
  return out;
}

void Patience::wait_after(const Setback& setback, const std::string& what,
                          const std::stop_token& stop) {
  constexpr milliseconds kFirstWait{500};
  if (++tries_ >= max_tries_)
    throw IoError("{}: {}; given up after {} tries: try again later", what, setback.reason, tries_);
  if (setback.wait_asked && *setback.wait_asked > kMaxWait)
    throw IoError("{}: {}, and asks to be left alone for {} s: try again then", what,
                  setback.reason, setback.wait_asked->count());
  const milliseconds wait = std::max<milliseconds>(setback.wait_asked.value_or(seconds(0)),
                                                   kFirstWait * (1 << (tries_ - 1)));
  say_(fmt::format("{}: {}; trying again in {:.1f} s", what, setback.reason,
                   std::chrono::duration<double>(wait).count()));
  clock_.wait(wait, stop);
  if (stop.stop_requested()) throw Cancelled("interrupted");
}

}  // namespace sirocco
