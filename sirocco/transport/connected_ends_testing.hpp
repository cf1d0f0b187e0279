#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/transport/fake_wire_testing.hpp"
#include "sirocco/transport/local_transport.hpp"
#include "sirocco/transport/wired_transport.hpp"

namespace sirocco {

inline constexpr Seconds kLong = 1e9;  // whoever waits for so long has hung

/// Who is lost, and what is said of it.
inline std::string loss(const std::function<void()>& body) {
  try {
    body();
  } catch (const PeerLost& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kIo);
    return e.what();
  }
  return "nothing";
}
/// The same of the next that is received.
template <class T>
std::string loss_at(T& end) {
  return loss([&] { end.receive(kLong); });
}

/// Makes the ends of all stages at once, since each waits for the others.
template <class Make>
std::vector<std::optional<WiredTransport>> connect_wired(int stages, Make make) {
  std::vector<std::future<WiredTransport>> made;
  for (int stage = 0; stage < stages; ++stage)
    made.push_back(std::async(std::launch::async, make, stage));
  std::vector<std::optional<WiredTransport>> ends;
  for (std::future<WiredTransport>& end : made) ends.emplace_back(end.get());
  return ends;
}

/// The ends of a transport of either kind. Those that are left at the end of a test give up.
template <class T>
class ConnectedEnds {
 public:
  explicit ConnectedEnds(int stages, TransportOptions options = {}) : network_(stages) {
    if constexpr (std::is_same_v<T, LocalTransport>) {
      for (LocalTransport& end : LocalTransport::connect(stages, options))
        ends_.emplace_back(std::move(end));
    } else {
      ends_ = connect_wired(stages, [&](int stage) {
        WiredOptions wired;
        wired.frames = options;
        return WiredTransport(network_.wire(stage), {{"test", "same"}}, wired);
      });
    }
  }
  ~ConnectedEnds() {
    for (std::optional<T>& end : ends_)
      if (end) end->fail("the test is over");
  }
  T& operator[](int stage) { return *ends_[static_cast<std::size_t>(stage)]; }
  /// The end was moved elsewhere.
  void forget(int stage) { ends_[static_cast<std::size_t>(stage)].reset(); }

 private:
  FakeNetwork network_;  // before what uses it
  std::vector<std::optional<T>> ends_;
};

}  // namespace sirocco
