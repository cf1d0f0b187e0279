#include "sirocco/server/sound_account.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

TEST(SoundAccount, HoldsNoMoreThanItMay) {
  SoundAccount account(10);
  std::optional<SoundAccount::Share> first = account.take(6.1);
  EXPECT_THROW(account.take(4), Busy);
  SoundAccount::Share second = account.take(3.9);
  EXPECT_EQ(account.held_s(), 10);
  SoundAccount::Share moved = std::move(second);
  first.reset();
  EXPECT_NEAR(account.held_s(), 3.9, 1e-9);
  moved = account.take(5);
  moved = {};
  EXPECT_EQ(account.held_s(), 0);
}

TEST(SoundAccount, ASoundAloneHasRoom) {
  SoundAccount account(10);
  const SoundAccount::Share long_one = account.take(11);
  EXPECT_THROW(account.take(0.1), Busy);
}

}  // namespace
}  // namespace sirocco
