#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/json/members.hpp"
#include "sirocco/server/json/refusal_testing.hpp"

namespace sirocco::request_testing {

/// A member with a value that is refused, and the place that the refusal names.
struct RefusedMember {
  std::string_view name;
  std::string_view value;
  std::string_view param;
  std::string_view code;
};

/// A member with a value that is accepted.
struct AcceptedMember {
  std::string_view name;
  std::string_view value;
};

/// `rest`, members with a comma behind the last if there is one, and one more.
inline std::string body_with(std::string_view rest, std::string_view name, std::string_view value) {
  return "{" + std::string(rest) + "\"" + std::string(name) + "\":" + std::string(value) + "}";
}

/// The documented members that no row of `rows` is about.
template <class Rows>
std::vector<std::string_view> members_without_row(
    const std::vector<json::MemberDescription>& members, const Rows& rows) {
  std::vector<std::string_view> missing;
  for (const json::MemberDescription& member : members) {
    if (std::ranges::none_of(rows, [&](const auto& row) { return row.name == member.name; }))
      missing.push_back(member.name);
  }
  return missing;
}

}  // namespace sirocco::request_testing
