#include "sirocco/transport/local_transport.hpp"

#include <atomic>
#include <string>
#include <utility>

#include "sirocco/transport/inbox.hpp"

namespace sirocco {

struct LocalTransport::Ends {
  struct End {
    End(int stage, int stages, std::uint64_t max_waiting) : inbox(stage, stages, max_waiting) {}
    Inbox inbox;
    std::atomic<bool> over = false;
  };

  Ends(int stages, const TransportOptions& o) : options(o) {
    for (int stage = 0; stage < stages; ++stage)
      ends.push_back(std::make_unique<End>(stage, stages, o.max_on_the_way));
  }
  End& at(int stage) { return *ends[static_cast<std::size_t>(stage)]; }
  int size() const { return static_cast<int>(ends.size()); }
  bool knows(int stage) const { return stage >= 0 && stage < size(); }

  /// tell(inbox) for that of every other stage, then the stage's own is closed; the first time
  /// only.
  template <class F>
  void finish(int stage, std::string_view why, F tell) {
    if (at(stage).over.exchange(true)) return;
    for (int other = 0; other < size(); ++other)
      if (other != stage) tell(at(other).inbox);
    at(stage).inbox.close(why);
  }

  const TransportOptions options;
  std::vector<std::unique_ptr<End>> ends;
};

std::vector<LocalTransport> LocalTransport::connect(int stages, TransportOptions options) {
  SIROCCO_CHECK(stages > 0);
  const auto ends = std::make_shared<Ends>(stages, options);
  std::vector<LocalTransport> transports;
  transports.reserve(static_cast<std::size_t>(stages));
  for (int stage = 0; stage < stages; ++stage) transports.push_back(LocalTransport(ends, stage));
  return transports;
}

LocalTransport::LocalTransport(std::shared_ptr<Ends> ends, int stage)
    : ends_(std::move(ends)), stage_(stage) {}

LocalTransport::~LocalTransport() {
  if (ends_ != nullptr) fail(kNoReason);
}

int LocalTransport::stages() const { return ends_->size(); }

void LocalTransport::send(int to, Frame frame) {
  SIROCCO_CHECK(ends_->knows(to) && to != stage_ && is_for_sending(frame.header.kind));
  check_frame(frame, ends_->options.max_payload);
  ends_->at(to).inbox.push(stage_, std::move(frame));
}

std::optional<Received> LocalTransport::receive(Seconds longest) {
  return ends_->at(stage_).inbox.take(longest);
}

void LocalTransport::shutdown() {
  ends_->finish(stage_, "it has shut down", [&](Inbox& inbox) { inbox.end(stage_); });
}

void LocalTransport::fail(std::string_view why) noexcept {
  const std::string reason = gave_up(why);
  ends_->finish(stage_, reason, [&](Inbox& inbox) { inbox.lose(stage_, reason); });
}

}  // namespace sirocco
