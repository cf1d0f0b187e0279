#include "sirocco/engine/owner_accounts.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace sirocco {
namespace {

constexpr std::size_t kMaxRemembered = 4096;

}  // namespace

void OwnerAccounts::arrive(std::uint64_t owner) {
  if (accounts_.size() >= kMaxRemembered && !accounts_.contains(owner)) forget_absent();
  Account& account = accounts_[owner];
  if (account.present++ > 0) return;
  Seconds least = std::numeric_limits<Seconds>::infinity();
  for (const auto& [other, of_other] : accounts_)
    if (other != owner && of_other.present > 0) least = std::min(least, of_other.used);
  if (least < std::numeric_limits<Seconds>::infinity())
    account.used = std::max(account.used, least);
}

void OwnerAccounts::leave(std::uint64_t owner) { --at(owner).present; }

bool OwnerAccounts::before(std::uint64_t a, std::uint64_t b) const {
  const auto rank = [&](std::uint64_t owner) {
    const Account& account = accounts_.at(owner);
    return std::tuple(account.running, account.used);
  };
  return rank(a) < rank(b);
}

void OwnerAccounts::forget_absent() {
  std::erase_if(accounts_, [](const auto& entry) { return entry.second.present == 0; });
}

}  // namespace sirocco
