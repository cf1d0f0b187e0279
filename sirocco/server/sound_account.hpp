#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "sirocco/base/seconds.hpp"

namespace sirocco {

/// A SoundAccount counts the seconds of sound that requests hold in memory until they are answered,
/// and bounds them. Thread-safe; it outlives its shares.
class SoundAccount {
 public:
  explicit SoundAccount(Seconds max_held_s) : max_held_s_(max_held_s) {}

  /// A Share is what one request holds; it is given back when it goes. Move-only.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : account_(std::exchange(other.account_, nullptr)), seconds_(other.seconds_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(account_, other.account_);
      std::swap(seconds_, other.seconds_);
      return *this;
    }
    ~Share() {
      if (account_ != nullptr) account_->give_back(seconds_);
    }

   private:
    friend class SoundAccount;
    Share(SoundAccount& account, Seconds seconds) : account_(&account), seconds_(seconds) {}
    SoundAccount* account_ = nullptr;
    Seconds seconds_ = 0;
  };

  /// Throws Busy where others hold so much that there is no room for it.
  Share take(Seconds seconds);
  Seconds held_s() const;

 private:
  void give_back(Seconds seconds);

  const Seconds max_held_s_;
  mutable std::mutex mutex_;
  Seconds held_s_ = 0;
  std::int64_t shares_ = 0;
};

}  // namespace sirocco
