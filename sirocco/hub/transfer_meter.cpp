#include "sirocco/hub/transfer_meter.hpp"

#include <algorithm>
#include <cmath>

namespace sirocco {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWindow{8000};
constexpr milliseconds kShortest{500};
constexpr milliseconds kBetween{100};

}  // namespace

void TransferMeter::add(Time time, std::uint64_t bytes) {
  if (!points_.empty() && bytes < points_.back().bytes) points_.clear();
  // The last point moves until it is far enough from the one before.
  if (points_.size() >= 2 && points_.back().time - points_[points_.size() - 2].time < kBetween)
    points_.pop_back();
  points_.push_back({time, bytes});
  while (points_.size() > 2 && time - points_[1].time >= kWindow) points_.pop_front();
}

std::optional<double> TransferMeter::rate() const {
  if (points_.size() < 2) return std::nullopt;
  const auto time = points_.back().time - points_.front().time;
  if (time < kShortest) return std::nullopt;
  return static_cast<double>(points_.back().bytes - points_.front().bytes) /
         std::chrono::duration<double>(time).count();
}

std::optional<std::chrono::seconds> TransferMeter::time_left(std::uint64_t total) const {
  const std::optional<double> now = rate();
  if (!now || *now < 1) return std::nullopt;
  const std::uint64_t there = points_.back().bytes;
  const double left = static_cast<double>(total - std::min(total, there));
  return std::chrono::seconds(std::llround(std::ceil(left / *now)));
}

}  // namespace sirocco
