// The page of documentation has the tables that requests are read by.

#include <gtest/gtest.h>

#include "sirocco/server/anthropic/messages_request.hpp"
#include "sirocco/server/members_page_testing.hpp"

namespace sirocco::anthropic {
namespace {

TEST(Documentation, HasAllMembersOfAnthropic) {
  members_page_testing::Tables()
      .add(describe_messages_members(), "messages")
      .add(describe_count_members(), "count_tokens")
      .expect_on("docs/anthropic-api.md");
}

}  // namespace
}  // namespace sirocco::anthropic
