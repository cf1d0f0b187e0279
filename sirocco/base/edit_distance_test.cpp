#include "sirocco/base/edit_distance.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

TEST(EditDistance, CountsWhatHasToChange) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("top_p", "top_p"), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("top_k", "top_p"), 1U);
  EXPECT_EQ(edit_distance("ab", "ba"), 2U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

}  // namespace
}  // namespace sirocco
