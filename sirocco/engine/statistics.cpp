#include "sirocco/engine/statistics.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

void WaitingRoom::enter(std::uint64_t owner) {
  const std::lock_guard lock(mutex_);
  if (size_ >= max_requests_) throw Busy("{} requests are waiting already; try again later", size_);
  const auto [place, is_new] = of_owner_.try_emplace(owner, 0);
  if (place->second >= max_of_owner_) {
    throw Busy("{} requests of yours are waiting already; try again when some have begun",
               place->second);
  }
  ++place->second;
  ++size_;
}

void WaitingRoom::leave(std::uint64_t owner) {
  const std::lock_guard lock(mutex_);
  const auto place = of_owner_.find(owner);
  SIROCCO_CHECK(place != of_owner_.end());
  if (--place->second == 0) of_owner_.erase(place);
  --size_;
}

std::size_t WaitingRoom::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace sirocco
