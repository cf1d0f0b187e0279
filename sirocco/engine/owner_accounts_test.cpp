#include "sirocco/engine/owner_accounts.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

TEST(OwnerAccounts, WhoeverHasFewerRunningThenWhoeverHadLess) {
  OwnerAccounts accounts;
  for (const std::uint64_t owner : {1, 2}) accounts.arrive(owner);
  EXPECT_FALSE(accounts.before(1, 2));
  EXPECT_FALSE(accounts.before(2, 1));
  accounts.charge(1, 0.5);
  EXPECT_TRUE(accounts.before(2, 1));
  accounts.begin(2);
  EXPECT_TRUE(accounts.before(1, 2));
  accounts.end(2);
  EXPECT_TRUE(accounts.before(2, 1));
}

TEST(OwnerAccounts, TimeThatSomebodyHadNoUseForIsNotOwed) {
  OwnerAccounts accounts;
  accounts.arrive(1);
  accounts.charge(1, 10);
  accounts.arrive(2);
  // It begins where the other stands, not ten seconds before.
  EXPECT_FALSE(accounts.before(2, 1));
  accounts.charge(1, 1);
  EXPECT_TRUE(accounts.before(2, 1));
  // Nor does going away and coming back rid one of what one has had.
  accounts.leave(1);
  accounts.arrive(1);
  EXPECT_TRUE(accounts.before(2, 1));
}

TEST(OwnerAccounts, ForgetsThoseWhoHaveNothing) {
  OwnerAccounts accounts;
  accounts.arrive(7);
  for (std::uint64_t owner = 100; owner < 20000; ++owner) {
    accounts.arrive(owner);
    accounts.leave(owner);
  }
  EXPECT_LE(accounts.size(), 4096U);
  accounts.charge(7, 1);  // it is still known
}

}  // namespace
}  // namespace sirocco
