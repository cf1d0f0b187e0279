#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/base/seconds.hpp"
#include "sirocco/transport/liveness.hpp"
#include "sirocco/transport/terms.hpp"
#include "sirocco/transport/transport.hpp"
#include "sirocco/transport/wire.hpp"

namespace sirocco {

class WiredEnd;

struct WiredOptions {
  TransportOptions frames;
  LivenessOptions liveness;
  /// What time goes by; none: a steady clock of the system. Called on a thread of the transport.
  std::function<Seconds()> clock;
  /// Whether there is a sign from elsewhere that a stage may be gone; none: there never is one.
  /// Called on a thread of the transport.
  std::function<bool()> alarmed = {};
  /// Told of the first stage that is lost, when nobody receives or sends either. Called on a thread
  /// of the transport; calls nothing of it.
  std::function<void(const PeerLost&)> on_loss = {};
};

/// A WiredTransport is a `Transport` between processes, over a `Wire`. A thread of its own has the
/// wire: it sends and receives while the stage computes, and tells the other stages that this one
/// is alive, as they tell it. In between it naps: for 20 us to a millisecond while somebody waits
/// for a frame, 2 ms while nobody does, 5 ms when nothing has gone on for a second. That is less
/// than two hundredths of a core at rest.
class WiredTransport {
 public:
  /// Returns when all stages have the same `terms`, version of sirocco and `options.frames`. Throws
  /// InvalidArgument, at every stage with the same text, where they differ, and PeerLost.
  WiredTransport(std::unique_ptr<Wire> wire, const std::vector<Term>& terms,
                 WiredOptions options = {});
  WiredTransport(WiredTransport&&) noexcept;
  WiredTransport& operator=(WiredTransport&&) = delete;
  /// Ends what `shutdown` or `fail` began: after the former as `join`, but without a word; after
  /// the latter it gives the others a second at most to hear of it.
  ~WiredTransport();

  int stage() const;
  int stages() const;
  void send(int to, Frame frame);
  std::optional<Received> receive(Seconds longest);
  void shutdown();
  void fail(std::string_view why) noexcept;

  /// After `shutdown`: waits until the other stages have shut down too. Throws PeerLost when one of
  /// them is lost instead.
  void join();

 protected:
  /// Ends as the destructor does; whether all stages have shut down.
  bool wind_up() noexcept;

 private:
  std::unique_ptr<WiredEnd> end_;
};

static_assert(Transport<WiredTransport>);

}  // namespace sirocco
