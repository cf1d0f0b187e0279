#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

namespace sirocco {

/// A TransferMeter says how fast something comes, by what came in the last seconds.
class TransferMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// How much is there at a time; times don't go back. Less than before begins anew.
  void add(Time time, std::uint64_t bytes);

  /// Bytes a second; nothing before there are two times half a second apart.
  std::optional<double> rate() const;
  /// How long the rest takes at that rate; nothing while nothing comes.
  std::optional<std::chrono::seconds> time_left(std::uint64_t total) const;

 private:
  struct Point {
    Time time;
    std::uint64_t bytes;
  };
  std::deque<Point> points_;
};

}  // namespace sirocco
