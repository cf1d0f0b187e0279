#include "sirocco/formats/shards.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxShards = 1024;
constexpr std::size_t kMaxNamed = 8;

/// What to say of files that aren't there.
std::string missing_files(const std::set<std::string_view>& missing, std::size_t of,
                          std::string_view origin) {
  std::vector<std::string> named;
  for (const std::string_view name : missing) {
    if (named.size() < kMaxNamed) named.push_back(sirocco::quoted(name));
  }
  const std::size_t more = missing.size() - named.size();
  return fmt::format("{}: {} of the {} files that it names are missing: {}{}; fetch them too",
                     origin, missing.size(), of, fmt::join(named, ", "),
                     more == 0 ? "" : fmt::format(" and {} more", more));
}

bool same(const SafetensorsEntry& a, const SafetensorsEntry& b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
}

}  // namespace

Shards open_shards(const fs::path& folder, const std::vector<TensorPlace>& places,
                   std::string_view origin) {
  std::set<std::string_view> names;
  for (const TensorPlace& place : places) names.insert(place.file);
  if (names.size() > kMaxShards)
    throw FormatError("{}: names {} files, allowed are {}", origin, names.size(), kMaxShards);
  std::set<std::string_view> missing;
  for (const std::string_view name : names) {
    std::error_code error;
    if (!fs::exists(folder / name, error)) missing.insert(name);
  }
  const std::string files_lack = missing_files(missing, names.size(), origin);
  if (missing.size() == names.size()) throw NotFound("{}", files_lack);

  Shards out;
  std::map<std::string, std::size_t, std::less<>> index;
  for (const std::string_view name : names) {
    if (missing.contains(name)) continue;
    out.files.emplace_back(folder / name);
    for (SafetensorsEntry& entry :
         parse_safetensors(out.files.back().bytes(), printable(out.files.back().path()))) {
      const auto [at, is_new] = index.emplace(entry.name, out.entries.size());
      if (is_new) {
        out.entries.push_back(std::move(entry));
      } else if (!same(entry, out.entries[at->second])) {
        throw FormatError(
            "{}: holds tensor {}, of which another of the files that {} names holds other values; "
            "they are of different models: fetch them again",
            printable(out.files.back().path()), sirocco::quoted(entry.name), origin);
      }
    }
  }
  for (const TensorPlace& place : places) {
    if (index.contains(place.tensor)) continue;
    out.absent.push_back(
        {place.tensor,
         missing.contains(place.file)
             ? files_lack
             : fmt::format("{}: tensor {} isn't in {}, where it says, nor in another of its files; "
                           "the weights are incomplete: fetch that file again",
                           origin, sirocco::quoted(place.tensor), sirocco::quoted(place.file))});
  }
  return out;
}

}  // namespace sirocco
