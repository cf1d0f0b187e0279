#include "sirocco/server/json/members.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sirocco/base/edit_distance.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"

namespace sirocco::json {
namespace {

// More than any request has, and few enough to be looked for one by one.
constexpr std::size_t kMaxMembers = 512;

/// The name that was probably meant; empty where none is near.
std::string_view nearest(std::string_view name, std::span<const std::string_view> names) {
  constexpr std::size_t kLongest = 64;
  if (name.size() > kLongest) return {};
  std::string_view best;
  std::size_t least = 1 + name.size() / 4;
  for (const std::string_view known : names) {
    const std::size_t changes = edit_distance(name, known);
    if (changes > least || (changes == least && !best.empty())) continue;
    best = known;
    least = changes;
  }
  return best;
}

}  // namespace

MemberReader::MemberReader(const Field& object)
    : object_(object), members_(object.object({"members"})), known_(members_.size()) {
  if (members_.size() <= kMaxMembers) return;
  object.fail("invalid_value", fmt::format("there are more than {} members", kMaxMembers));
}

const Object::value_type* MemberReader::take(std::string_view name) {
  names_.push_back(name);
  const auto found = std::ranges::find(members_, name, &Object::value_type::first);
  if (found == members_.end()) return nullptr;
  known_[static_cast<std::size_t>(found - members_.begin())] = true;
  return found->second.is_null() ? nullptr : &*found;
}

std::optional<Field> MemberReader::find(std::string_view name) const {
  const auto found = std::ranges::find(members_, name, &Object::value_type::first);
  if (found == members_.end() || found->second.is_null()) return std::nullopt;
  return object_.member(*found);
}

void MemberReader::require(std::string_view name) const {
  if (find(name)) return;
  throw InvalidRequest(std::string(name), "missing_required_parameter",
                       fmt::format("there is no {}", name));
}

void MemberReader::pass(std::span<const UnheededMember> table) {
  for (const UnheededMember& row : table) {
    const Object::value_type* const member = take(row.name);
    if (member == nullptr) continue;
    const Field field = object_.member(*member);
    if (field.is(row.expected)) continue;
    field.fail("unsupported_value",
               fmt::format("found {}; expected {}, for {}", described(member->second),
                           words(row.expected), row.why));
  }
}

void MemberReader::finish() const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (known_[i] || members_[i].second.is_null()) continue;
    const std::string_view meant = nearest(members_[i].first, names_);
    object_.member(members_[i])
        .fail("unknown_parameter",
              meant.empty() ? "there is no such member"
                            : fmt::format("there is no such member; did you mean {}?", meant));
  }
}

void MemberReader::refuse_unless_equal(const Object::value_type& a,
                                       const Object::value_type& b) const {
  if (a.second == b.second) return;
  object_.member(b).fail("invalid_value",
                         fmt::format("found {}, but {} is {}; these are names of one thing",
                                     described(b.second), a.first, described(a.second)));
}

void describe(std::span<const UnheededMember> table, std::vector<MemberDescription>& out) {
  for (const UnheededMember& row : table)
    out.push_back({row.name, words(row.expected), row.why, false});
}

}  // namespace sirocco::json
