// The page of documentation has the tables that requests are read by.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "sirocco/server/openai/chat_request.hpp"
#include "sirocco/server/openai/completion_request.hpp"
#include "sirocco/server/openai/embeddings.hpp"
#include "sirocco/server/openai/responses/response_request.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::openai {
namespace {

struct Row {
  json::MemberDescription member;
  std::string requests;
};

bool same(const json::MemberDescription& a, const json::MemberDescription& b) {
  return a.name == b.name && a.values == b.values && a.meaning == b.meaning && a.heeded == b.heeded;
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  const auto add = [&](const std::vector<json::MemberDescription>& members, const char* request) {
    for (const json::MemberDescription& member : members) {
      const auto known =
          std::ranges::find_if(rows, [&](const Row& row) { return same(row.member, member); });
      if (known == rows.end()) {
        rows.push_back({member, request});
      } else {
        known->requests += fmt::format(", {}", request);
      }
    }
  };
  add(describe_chat_members(), "chat");
  add(describe_completion_members(), "completions");
  add(describe_response_members(), "responses");
  add(describe_embedding_members(), "embeddings");
  return rows;
}

std::string tables() {
  std::string heeded = "| member | of | values | |\n|---|---|---|---|\n";
  std::string unheeded =
      "What follows is accepted because clients send it, as long as it asks for nothing:\n\n"
      "| member | of | accepted | why there is nothing else |\n|---|---|---|---|\n";
  for (const auto& [member, requests] : all_rows()) {
    (member.heeded ? heeded : unheeded) += fmt::format("| `{}` | {} | {} | {} |\n", member.name,
                                                       requests, member.values, member.meaning);
  }
  return "\n" + heeded + "\n" + unheeded + "\n";
}

TEST(Documentation, HasAllMembers) {
  constexpr std::string_view kBegin = "<!-- members: begin -->\n";
  constexpr std::string_view kEnd = "<!-- members: end -->";
  std::ostringstream page;
  page << std::ifstream(source_path("docs/openai-api.md")).rdbuf();
  const std::string text = page.str();
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::size_t first = begin + kBegin.size();
  EXPECT_EQ(text.substr(first, end - first), tables())
      << "Put these tables between the marks of docs/openai-api.md:\n"
      << tables();
}

}  // namespace
}  // namespace sirocco::openai
