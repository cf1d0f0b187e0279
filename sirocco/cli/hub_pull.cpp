#include "sirocco/cli/hub_pull.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/interrupt.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/cli/terminal/terminal.hpp"
#include "sirocco/cli/terminal_text.hpp"
#include "sirocco/hub/curl_transport.hpp"
#include "sirocco/hub/transfer_meter.hpp"
#include "sirocco/platform/byte_text.hpp"

namespace sirocco {
namespace {

using std::chrono::seconds;

std::string duration_text(seconds time) {
  const auto count = time.count();
  return count >= 3600 ? fmt::format("{}:{:02}:{:02}", count / 3600, count / 60 % 60, count % 60)
                       : fmt::format("{}:{:02}", count / 60, count % 60);
}

std::string files_text(std::size_t count) {
  return count == 1 ? "1 file" : fmt::format("{} files", count);
}

class Console final : public PullObserver {
 public:
  Console(std::string repository, bool quiet, HubClock& clock)
      : repository_(std::move(repository)),
        quiet_(quiet),
        bar_(!quiet && isatty(STDERR_FILENO) != 0 && moves_its_cursor()),
        clock_(clock) {}
  ~Console() override { wipe(); }

  void note(const std::string& line) override {
    if (quiet_) return;
    wipe();
    fmt::print(stderr, "{}\n", terminal_safe(line));
  }

  void begins(const std::string& name, const ModelFiles& model, std::uint64_t bytes) override {
    note(fmt::format("pulling {}: {} of {}, in {}", name, byte_text(bytes),
                     byte_text(model.bytes()), files_text(model.files.size())));
  }

  void progress(std::uint64_t bytes, std::uint64_t of) override {
    if (!bar_) return;
    meter_.add(clock_.now(), bytes);
    constexpr std::uint64_t kWidth = 24;
    const std::uint64_t filled = of == 0 ? kWidth : std::min(bytes, of) * kWidth / of;
    std::string line =
        fmt::format("[{}{}] {} of {}", std::string(filled, '#'), std::string(kWidth - filled, ' '),
                    byte_text(bytes), byte_text(of));
    if (bytes >= of) {
      line += ", checking";
    } else if (const auto rate = meter_.rate()) {
      line += fmt::format(", {}/s", byte_text(static_cast<std::uint64_t>(*rate)));
      if (const auto left = meter_.time_left(of))
        line += fmt::format(", {} left", duration_text(*left));
    }
    if (line == drawn_) return;
    drawn_ = line;
    fmt::print(stderr, "\r\x1b[K{}", line);
    std::fflush(stderr);
  }

  void choices(std::span<const ModelFiles> models) override {
    wipe();
    for (const ModelFiles& model : models) {
      fmt::print(stderr, "  {}:{}  {}, {}\n", repository_, terminal_safe(model.selector),
                 byte_text(model.bytes()), files_text(model.files.size()));
    }
  }

 private:
  void wipe() {
    if (drawn_.empty()) return;
    drawn_.clear();
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
  }

  std::string repository_;
  bool quiet_;
  bool bar_;
  HubClock& clock_;
  TransferMeter meter_;
  std::string drawn_;
};

/// Requests a stop when Ctrl-C is pressed.
class StopAtInterrupt {
 public:
  StopAtInterrupt()
      : watcher_([this] {
          if (guard_.wait_for(kNoDescriptor) == InterruptGuard::Woken::kInterrupt)
            stop_.request_stop();
        }) {}
  ~StopAtInterrupt() { InterruptGuard::wake_up(); }
  StopAtInterrupt(const StopAtInterrupt&) = delete;
  StopAtInterrupt& operator=(const StopAtInterrupt&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  static constexpr int kNoDescriptor = -1;
  InterruptGuard guard_;
  std::stop_source stop_;
  std::jthread watcher_;  // last, so that it ends first
};

/// As huggingface_hub lets people say it.
CurlOptions curl_options() {
  CurlOptions out;
  const char* const text = std::getenv("HF_HUB_DOWNLOAD_TIMEOUT");
  if (text == nullptr || *text == '\0') return out;
  constexpr int kLongest = 3600;
  int value = 0;
  const char* const end = text + std::string_view(text).size();
  if (std::from_chars(text, end, value).ptr != end || value < 1 || value > kLongest)
    throw InvalidArgument("HF_HUB_DOWNLOAD_TIMEOUT is {}: give seconds, 1 to {}",
                          sirocco::quoted(text), kLongest);
  out.stall_timeout = seconds(value);
  return out;
}

}  // namespace

Pulled pull_from_hub(const HubName& name, const PullOptions& options, bool quiet) {
  const HubAddress hub = hub_of_environment();
  const CurlOptions curl = curl_options();
  const HubConnection connection{hub, [curl] { return make_curl_transport(curl); }, system_clock()};
  ModelStore store(model_store());
  Console console(name.repository(), quiet, connection.clock);
  const StopAtInterrupt interrupt;
  try {
    return pull(name, store, connection, options, console, interrupt.token());
  } catch (const Cancelled&) {
    throw Cancelled("interrupted; what was fetched is kept: sirocco pull {} goes on from there",
                    name.text());
  }
}

}  // namespace sirocco
