#include "sirocco/checkpoint/folder_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sirocco/checkpoint/name_pattern.hpp"

namespace sirocco {
namespace {

constexpr std::array<std::string_view, 2> kKinds = {".weight", ".bias"};

bool stands_for_itself(const TensorRule& rule) {
  return std::ranges::any_of(kKinds,
                             [&](std::string_view kind) { return rule.canonical.ends_with(kind); });
}

}  // namespace

std::string canonical_pattern(const TensorRule& rule, std::string_view pattern) {
  if (stands_for_itself(rule)) return pattern == rule.folder ? std::string(rule.canonical) : "";
  for (const std::string_view kind : kKinds) {
    if (pattern.size() == rule.folder.size() + kind.size() && pattern.starts_with(rule.folder) &&
        pattern.ends_with(kind))
      return fmt::format("{}{}", rule.canonical, kind);
  }
  return "";
}

std::string folder_name(std::span<const TensorRule> rules, std::string_view prefix,
                        std::string_view name) {
  const NamePattern pattern = pattern_of(name);
  for (const TensorRule& rule : rules) {
    for (const std::string_view kind : kKinds) {
      const std::string_view behind = stands_for_itself(rule) ? "" : kind;
      if (pattern.text != fmt::format("{}{}", rule.canonical, behind)) continue;
      std::string own = fmt::format("{}{}", with_numbers(rule.folder, pattern.numbers), behind);
      std::ranges::replace(own, '@', '*');
      // The head, and what pooled rows go through, are no part of the decoder.
      const bool stands_apart =
          pattern.text.starts_with("output.") || pattern.text.starts_with("dense_");
      return stands_apart ? own : fmt::format("{}{}", prefix, own);
    }
  }
  return std::string(name);
}

}  // namespace sirocco
