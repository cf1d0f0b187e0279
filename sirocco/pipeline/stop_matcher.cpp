#include "sirocco/pipeline/stop_matcher.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

StopMatcher::StopMatcher(std::vector<std::string> strings) {
  if (strings.size() > kMaxStrings) {
    throw InvalidArgument("stop: {} strings were given, {} are allowed", strings.size(),
                          kMaxStrings);
  }
  patterns_.reserve(strings.size());
  for (std::string& text : strings) {
    if (text.empty()) throw InvalidArgument("stop: a stop string is empty");
    if (text.size() > kMaxBytes) {
      throw InvalidArgument("stop: a stop string has {} bytes, {} are allowed", text.size(),
                            kMaxBytes);
    }
    std::vector<std::uint32_t> fallback(text.size(), 0);
    for (std::size_t i = 1, k = 0; i < text.size(); ++i) {
      while (k > 0 && text[i] != text[k]) k = fallback[k - 1];
      if (text[i] == text[k]) ++k;
      fallback[i] = static_cast<std::uint32_t>(k);
    }
    patterns_.push_back({std::move(text), std::move(fallback), 0});
  }
}

std::string StopMatcher::push(std::string_view text) {
  if (stopped_) return {};
  std::size_t longest_prefix = 0;
  for (const char c : text) {
    held_.push_back(c);
    longest_prefix = 0;
    const Pattern* found = nullptr;
    for (Pattern& p : patterns_) {
      std::uint32_t k = p.matched;
      while (k > 0 && p.text[k] != c) k = p.fallback[k - 1];
      if (p.text[k] == c) ++k;
      p.matched = k;
      if (k == p.text.size()) {
        if (found == nullptr || p.text.size() > found->text.size()) found = &p;
        continue;
      }
      longest_prefix = std::max<std::size_t>(longest_prefix, k);
    }
    if (found != nullptr) {
      stopped_ = true;
      found_ = found->text;
      held_.resize(held_.size() - found->text.size());
      return std::exchange(held_, {});
    }
  }
  if (text.empty()) return {};
  std::string out = held_.substr(0, held_.size() - longest_prefix);
  held_.erase(0, out.size());
  return out;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace sirocco
