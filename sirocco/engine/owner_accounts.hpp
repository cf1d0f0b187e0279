#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "sirocco/base/seconds.hpp"

namespace sirocco {

/// What each of those who share an engine has there and has had of its time, in all lanes. So a
/// place that comes free can go to whoever has least: a virtual clock for each owner, as in
/// Sheng et al. 2024, "Fairness in Serving Large Language Models". One thread at a time.
class OwnerAccounts {
 public:
  /// Requests of an owner are counted from their arrival to their end. One who had none begins
  /// where the one of those present begins who had least: time that it had no use for isn't owed.
  void arrive(std::uint64_t owner);
  void leave(std::uint64_t owner);
  /// A request of its runs, and no longer does.
  void begin(std::uint64_t owner) { ++at(owner).running; }
  void end(std::uint64_t owner) { --at(owner).running; }
  void charge(std::uint64_t owner, Seconds seconds) { at(owner).used += seconds; }

  /// Whether a free place goes to a request of `a` rather than to one of `b`: to whoever has fewer
  /// that run, then to whoever has had less time.
  bool before(std::uint64_t a, std::uint64_t b) const;
  /// Owners that are remembered.
  std::size_t size() const { return accounts_.size(); }

 private:
  struct Account {
    std::int64_t present = 0;
    std::int64_t running = 0;
    Seconds used = 0;
  };
  Account& at(std::uint64_t owner) { return accounts_.at(owner); }
  void forget_absent();

  std::unordered_map<std::uint64_t, Account> accounts_;
};

}  // namespace sirocco
