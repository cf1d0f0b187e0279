#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/json/members.hpp"
#include "tests/support/page_testing.hpp"

namespace sirocco::members_page_testing {

/// The tables of members that requests are read by, as a page of documentation has them.
class Tables {
 public:
  /// All members of a kind of requests, which the page calls `request`.
  Tables& add(const std::vector<json::MemberDescription>& members, std::string_view request) {
    for (const json::MemberDescription& member : members) {
      const auto known =
          std::ranges::find_if(rows_, [&](const Row& row) { return same(row.member, member); });
      if (known == rows_.end()) {
        rows_.push_back({member, std::string(request)});
      } else {
        known->requests += fmt::format(", {}", request);
      }
    }
    return *this;
  }

  std::string text() const {
    std::string heeded = "| member | of | values | |\n|---|---|---|---|\n";
    std::string unheeded =
        "What follows is accepted because clients send it, as long as it asks for nothing:\n\n"
        "| member | of | accepted | why there is nothing else |\n|---|---|---|---|\n";
    for (const auto& [member, requests] : rows_) {
      (member.heeded ? heeded : unheeded) += fmt::format("| `{}` | {} | {} | {} |\n", member.name,
                                                         requests, member.values, member.meaning);
    }
    return "\n" + heeded + "\n" + unheeded + "\n";
  }

  /// Expects them between the page's marks.
  void expect_on(const std::string& page) const { expect_on_page(page, "members", text()); }

 private:
  struct Row {
    json::MemberDescription member;
    std::string requests;
  };
  static bool same(const json::MemberDescription& a, const json::MemberDescription& b) {
    return a.name == b.name && a.values == b.values && a.meaning == b.meaning &&
           a.heeded == b.heeded;
  }
  std::vector<Row> rows_;
};

}  // namespace sirocco::members_page_testing
