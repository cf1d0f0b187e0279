#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/seconds.hpp"
#include "sirocco/transport/frame.hpp"

namespace sirocco {

/// The end of a stage that frames can't be sent to, or none will come from any more.
class PeerLost : public IoError {
 public:
  PeerLost(int stage, std::string_view why)
      : IoError("stage {} is lost: {}", stage, why), stage_(stage) {}
  int stage() const noexcept { return stage_; }

 private:
  int stage_;
};

/// A frame that came, and the stage that sent it.
struct Received {
  int from = 0;
  Frame frame;
};

/// What all ends of one chain have to agree on.
struct TransportOptions {
  /// Bytes of the largest payload. The hidden states of a prompt chunk are what is large.
  std::uint64_t max_payload = std::uint64_t{256} << 20;
  /// Bytes, headers among them, that one end may have sent another that weren't received yet; one
  /// frame more goes when there is any room.
  std::uint64_t max_on_the_way = std::uint64_t{64} << 20;
};

/// A Transport is one stage's end of the links between all stages of a model.
///
/// `send` is for any thread. What one thread sends a stage comes in that order, whole, once. It
/// throws InvalidArgument for a frame that the other end would refuse, and PeerLost where the stage
/// is gone or this end is over.
///
/// Frames to a later stage wait while `max_on_the_way` bytes are on the way there; frames to an
/// earlier one never do. So waiting goes in one direction only, and no circle of ends can come
/// about in which each waits for the next: the last stage never waits, hence it comes to receive,
/// hence the one before it has room, and so on. What goes back, tokens and errors, is as much as
/// steps were sent down, and needs no bound of its own. While a send waits, it throws PeerLost when
/// any stage is lost, since that may be whom the room is waited for.
///
/// `receive` is for one thread. It gives frames in the order in which they came, waits for
/// `longest` at most, and gives nothing when that is over. The loss of a stage has its place in
/// that order, behind all that came of it: then `receive` throws PeerLost, and again at every later
/// call. It throws PeerLost too when all other stages have shut down and nothing is left to
/// receive. A peer that sent what is no frame is lost in the same way.
///
/// `shutdown` is the end in order: the last frame that every other stage receives from this one is
/// kShutdown, behind all that was sent. `fail` is the other end: every other stage loses this one,
/// for the reason given, and needn't receive what is still on the way. After either, sends and
/// receives of this end throw PeerLost, those under way among them. Both are for any thread; only
/// the first call of either counts. An end that is destroyed before has failed.
///
/// kHello, kPulse, kFailure and kShutdown are not for sending, and only the last is ever received.
template <class T>
concept Transport =
    requires(T& t, const T& c, int to, Frame frame, Seconds longest, std::string_view why) {
      { c.stage() } -> std::same_as<int>;
      { c.stages() } -> std::same_as<int>;
      { t.send(to, std::move(frame)) } -> std::same_as<void>;
      { t.receive(longest) } -> std::same_as<std::optional<Received>>;
      { t.shutdown() } -> std::same_as<void>;
      { t.fail(why) } noexcept -> std::same_as<void>;
    };

}  // namespace sirocco
