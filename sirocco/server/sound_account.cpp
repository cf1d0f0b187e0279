#include "sirocco/server/sound_account.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

SoundAccount::Share SoundAccount::take(Seconds seconds) {
  const std::lock_guard lock(mutex_);
  // One alone always has room: how long it may be is another limit.
  if (shares_ > 0 && held_s_ + seconds > max_held_s_) {
    throw Busy(
        "{:.0f} s of sound are waiting to be heard, and there is room for {:.0f}; this is "
        "{:.0f} s more: try again later",
        held_s_, max_held_s_, seconds);
  }
  ++shares_;
  held_s_ += seconds;
  return {*this, seconds};
}

Seconds SoundAccount::held_s() const {
  const std::lock_guard lock(mutex_);
  return held_s_;
}

void SoundAccount::give_back(Seconds seconds) {
  const std::lock_guard lock(mutex_);
  --shares_;
  // Sums of other order don't add up to nothing.
  held_s_ = shares_ == 0 ? 0 : held_s_ - seconds;
}

}  // namespace sirocco
