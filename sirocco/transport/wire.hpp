#pragma once

#include <string>
#include <variant>
#include <vector>

#include "sirocco/transport/frame.hpp"

namespace sirocco {

/// Something came of a stage, but no whole frame yet.
struct SignOfLife {};
/// A stage can't be heard any more, or sent what is no frame.
struct WireFault {
  std::string why;
};

struct WireEvent {
  int from = 0;
  std::variant<SignOfLife, Frame, WireFault> what;
};

/// A Wire carries frames between stages in processes of their own. It never waits. One thread.
class Wire {
 public:
  virtual ~Wire() = default;

  virtual int stage() const = 0;
  virtual int stages() const = 0;

  /// Whether another frame may begin: nothing of the one before is left here.
  virtual bool is_free(int to) const = 0;
  /// Begins to send a checked frame; the wire is free.
  virtual void begin(int to, Frame frame) = 0;
  /// Lets everything go on that can, and adds what came to `events`, in order for each stage. Of a
  /// stage whose last frame (kShutdown, kFailure) or fault came, nothing more does.
  virtual void progress(std::vector<WireEvent>& events) = 0;
};

}  // namespace sirocco
