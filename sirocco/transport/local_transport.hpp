#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/transport/transport.hpp"

namespace sirocco {

/// A LocalTransport is a `Transport` between the threads of one process: frames are moved from hand
/// to hand, none is copied. Ends may outlive each other.
class LocalTransport {
 public:
  /// The ends of all stages, in their order.
  static std::vector<LocalTransport> connect(int stages, TransportOptions options = {});

  LocalTransport(LocalTransport&&) noexcept = default;
  LocalTransport& operator=(LocalTransport&&) = delete;
  ~LocalTransport();

  int stage() const { return stage_; }
  int stages() const;
  void send(int to, Frame frame);
  std::optional<Received> receive(Seconds longest);
  void shutdown();
  void fail(std::string_view why) noexcept;

 private:
  struct Ends;
  LocalTransport(std::shared_ptr<Ends> ends, int stage);

  std::shared_ptr<Ends> ends_;  // none: moved from
  int stage_;
};

static_assert(Transport<LocalTransport>);

}  // namespace sirocco
