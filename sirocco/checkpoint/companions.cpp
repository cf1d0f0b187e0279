#include "sirocco/checkpoint/companions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"

namespace sirocco {
namespace {

bool speaks_of(const CompanionRule& rule, std::string_view pattern) {
  const std::string_view stem = stem_of(pattern);
  return rule.of.ends_with('*') ? stem.starts_with(rule.of.substr(0, rule.of.size() - 1))
                                : stem == rule.of;
}

}  // namespace

bool Companions::allow_bias(std::string_view pattern, std::string_view called) const {
  const auto rule = std::ranges::find_if(
      rules_, [&](const CompanionRule& c) { return c.tensor.empty() && speaks_of(c, pattern); });
  if (rule == rules_.end()) return false;
  if (rule->member.empty() || description_ == nullptr || description_->flag(rule->member, false))
    return true;
  throw FormatError("{}: tensor {} is there, but {} doesn't say so; correct the one that is wrong",
                    description_->origin(), quoted(called),
                    quoted(description_->config_path(rule->member)));
}

void Companions::expect(std::string_view pattern, const std::vector<std::int32_t>& numbers,
                        std::string_view called) {
  if (pattern.ends_with(".bias")) return;
  for (const CompanionRule& c : rules_) {
    if (c.optional || !speaks_of(c, pattern)) continue;
    if (description_ == nullptr ? !c.member.empty() || c.of_folders
                                : !c.member.empty() && !description_->flag(c.member, false))
      continue;
    const std::string bias = fmt::format("{}.bias", stem_of(pattern));
    expected_.push_back(
        {with_numbers(c.tensor.empty() ? std::string_view(bias) : c.tensor, numbers),
         std::string(called), c.member});
  }
}

void Companions::check(const WeightSource& weights) const {
  for (const Expected& e : expected_) {
    if (weights.find(e.name) != nullptr) continue;
    throw FormatError("{}: beside tensor {} tensor {} is missing{}; the checkpoint is incomplete",
                      weights.origin(), quoted(e.beside), weights.called(e.name),
                      e.member.empty() ? ""
                                       : fmt::format(", but {} says that it is there",
                                                     quoted(description_->config_path(e.member))));
  }
}

}  // namespace sirocco
