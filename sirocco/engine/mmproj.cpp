#include "sirocco/engine/mmproj.hpp"

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

namespace sirocco {
namespace {

constexpr std::string_view kWord = "mmproj";

bool has_word(std::string_view name) {
  return std::ranges::search(name, kWord, [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         }).begin() != name.end();
}

/// How many characters two names share from their beginning, the word and what joins it left out.
std::size_t shared(std::string_view model, std::string_view mmproj) {
  const auto common = [](std::string_view a, std::string_view b) {
    return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  };
  std::size_t best = common(model, mmproj);
  const std::size_t word = mmproj.find(kWord);
  if (word == std::string_view::npos) return best;
  std::string_view behind = mmproj.substr(word + kWord.size());
  while (!behind.empty() &&
         (behind.front() == '-' || behind.front() == '_' || behind.front() == '.'))
    behind.remove_prefix(1);
  return std::max(best, common(model, behind));
}

}  // namespace

std::optional<std::filesystem::path> find_mmproj(const std::filesystem::path& model) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_regular_file(model, error)) return std::nullopt;
  const std::string own = model.filename().string();
  if (has_word(own)) return std::nullopt;
  const fs::path folder = model.has_parent_path() ? model.parent_path() : fs::path(".");
  std::optional<fs::path> best;
  std::size_t most = 0;
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".gguf") && has_word(name) && entry.is_regular_file(error))
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  for (const fs::path& candidate : found) {
    const std::size_t in_common = shared(own, candidate.filename().string());
    if (best && in_common <= most) continue;
    best = candidate;
    most = in_common;
  }
  // One that is named for another model says nothing of this one.
  constexpr std::size_t kEnough = 4;
  if (best && most < kEnough && found.size() > 1) return std::nullopt;
  return best;
}

}  // namespace sirocco
