// The page of documentation has the tables that requests are read by.

#include <gtest/gtest.h>

#include "sirocco/server/members_page_testing.hpp"
#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/openai/completion_request.hpp"
#include "sirocco/server/openai/embeddings.hpp"
#include "sirocco/server/openai/image_request.hpp"
#include "sirocco/server/openai/rerank.hpp"
#include "sirocco/server/openai/responses/response_request.hpp"
#include "sirocco/server/openai/transcription_request.hpp"

namespace sirocco::openai {
namespace {

TEST(Documentation, HasAllMembersOfOpenAi) {
  members_page_testing::Tables()
      .add(describe_chat_members(), "chat")
      .add(describe_completion_members(), "completions")
      .add(describe_response_members(), "responses")
      .add(describe_embedding_members(), "embeddings")
      .add(describe_rerank_members(), "rerank")
      .add(describe_transcription_members(), "audio")
      .add(describe_generation_members(), "images")
      .add(describe_edit_members(), "edits")
      .expect_on("docs/openai-api.md");
}

}  // namespace
}  // namespace sirocco::openai
