#include "sirocco/formats/gguf.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/gguf_header.hpp"
#include "sirocco/formats/name_order.hpp"

namespace sirocco {
namespace {

class GgufMetadata final : public Metadata {
 public:
  GgufMetadata(std::vector<GgufEntry> entries, std::string origin) : origin_(std::move(origin)) {
    keys_.reserve(entries.size());
    values_.reserve(entries.size());
    for (GgufEntry& entry : entries) {
      keys_.push_back(entry.key);
      values_.push_back(std::move(entry.value));
    }
    order_ = unique_order(keys_, "metadata key", origin_);
  }

  const MetadataValue* find(std::string_view path) const override {
    const std::uint32_t* const index = find_index(order_, keys_, path);
    return index == nullptr ? nullptr : &values_[*index];
  }
  std::vector<std::string_view> paths() const override { return keys_; }
  std::string_view origin() const override { return origin_; }

 private:
  std::string origin_;
  std::vector<std::string_view> keys_;
  std::vector<MetadataValue> values_;
  std::vector<std::uint32_t> order_;
};

struct GgufCheckpoint {
  GgufMetadata metadata;
  FileWeights weights;
};

Checkpoint hand_out(GgufHeader header, std::vector<MappedFile> files, const std::string& origin) {
  const auto owner = std::make_shared<const GgufCheckpoint>(
      GgufMetadata(std::move(header.entries), origin),
      FileWeights(std::move(header.tensors), std::move(files), origin));
  return {{owner, &owner->metadata}, {owner, &owner->weights}, nullptr};
}

/// The place of one file in a split checkpoint, from its metadata: split.no (from 0), split.count,
/// split.tensors.count (of all parts).
struct SplitPlace {
  std::int64_t number;
  std::int64_t count;
  std::int64_t tensors;
};

constexpr std::int64_t kMaxParts = 1024;

std::optional<std::int64_t> find_integer(std::span<const GgufEntry> entries, std::string_view key,
                                         std::string_view origin) {
  const auto found = std::ranges::find(entries, key, &GgufEntry::key);
  if (found == entries.end()) return std::nullopt;
  if (const auto* const value = std::get_if<std::int64_t>(&found->value)) return *value;
  throw FormatError("{}: {} is no integer; the file is damaged", origin, quoted(key));
}

/// Nothing for a file that is a checkpoint of its own.
std::optional<SplitPlace> split_place(const GgufHeader& header, std::string_view origin) {
  const auto count = find_integer(header.entries, "split.count", origin);
  if (!count || *count <= 1) return std::nullopt;
  const auto number = find_integer(header.entries, "split.no", origin);
  const auto tensors = find_integer(header.entries, "split.tensors.count", origin);
  if (*count > kMaxParts || !number || *number < 0 || *number >= *count || !tensors ||
      *tensors < 0) {
    throw FormatError(
        "{}: its place in a split checkpoint makes no sense: part {} of {} (at most {}), {} "
        "tensors in all; the file is damaged: fetch it again",
        origin, number ? std::to_string(*number + 1) : "(none)", *count, kMaxParts,
        tensors ? std::to_string(*tensors) : "unknown");
  }
  return SplitPlace{*number, *count, *tensors};
}

std::string part_suffix(const SplitPlace& place, std::int64_t number) {
  return fmt::format("-{:05}-of-{:05}.gguf", number + 1, place.count);
}

/// The other files of the checkpoint that `path` is a part of, in order, `path` among them.
std::vector<std::filesystem::path> part_paths(const std::filesystem::path& path,
                                              const SplitPlace& place) {
  const std::string name = path.filename().native();
  const std::string suffix = part_suffix(place, place.number);
  if (!name.ends_with(suffix)) {
    throw FormatError(
        "{}: is part {} of {} of a split checkpoint, but its name doesn't end in {}, so the others "
        "can't be found; give the parts their names back",
        printable(path), place.number + 1, place.count, sirocco::quoted(suffix));
  }
  const std::string prefix = name.substr(0, name.size() - suffix.size());
  std::vector<std::filesystem::path> paths;
  std::string missing;
  std::int64_t missing_count = 0;
  constexpr std::int64_t kMaxNamed = 8;
  for (std::int64_t number = 0; number < place.count; ++number) {
    paths.push_back(path.parent_path() / (prefix + part_suffix(place, number)));
    std::error_code ignored;
    if (std::filesystem::exists(paths.back(), ignored)) continue;
    if (++missing_count > kMaxNamed) continue;
    if (!missing.empty()) missing += ", ";
    missing += printable(paths.back().filename());
  }
  if (missing_count > kMaxNamed) {
    missing += fmt::format(" and {} more", missing_count - kMaxNamed);
  }
  if (missing_count != 0) {
    throw NotFound("{}: {} of its {} parts are missing beside it: {}; fetch them too",
                   printable(path), missing_count, place.count, missing);
  }
  return paths;
}

/// Opens the other parts and joins all in order.
Checkpoint open_parts(MappedFile given, GgufHeader given_header, const SplitPlace& place) {
  const std::string origin = printable(given.path());
  const auto paths = part_paths(given.path(), place);
  std::vector<MappedFile> files;
  GgufHeader joined;
  for (std::int64_t number = 0; number < place.count; ++number) {
    GgufHeader header;
    if (number == place.number) {
      // Once only: one part has this number.
      header = std::move(given_header);   // NOLINT(bugprone-use-after-move)
      files.push_back(std::move(given));  // NOLINT(bugprone-use-after-move)
    } else {
      files.emplace_back(paths[static_cast<std::size_t>(number)]);
      const std::string part = printable(files.back().path());
      header = parse_gguf(files.back().bytes(), part);
      const auto found = split_place(header, part);
      if (!found || found->number != number || found->count != place.count ||
          found->tensors != place.tensors) {
        throw FormatError(
            "{}: says that it is {}, but it should be part {} of {} beside {}; the parts are of "
            "different checkpoints: fetch them again",
            part,
            found ? fmt::format("part {} of {}", found->number + 1, found->count)
                  : "a checkpoint of its own",
            number + 1, place.count, origin);
      }
    }
    if (number == 0) joined.entries = std::move(header.entries);
    std::ranges::copy(header.tensors.stored, std::back_inserter(joined.tensors.stored));
    std::ranges::move(header.tensors.made, std::back_inserter(joined.tensors.made));
  }
  if (!std::cmp_equal(joined.tensors.stored.size(), place.tensors)) {
    throw FormatError(
        "{}: its {} parts hold {} tensors, but should hold {}; they are of different checkpoints: "
        "fetch them again",
        origin, place.count, joined.tensors.stored.size(), place.tensors);
  }
  return hand_out(std::move(joined), std::move(files), origin);
}

}  // namespace

Checkpoint open_gguf(MappedFile file) {
  const std::string origin = printable(file.path());
  GgufHeader header = parse_gguf(file.bytes(), origin);
  if (const auto place = split_place(header, origin)) {
    return open_parts(std::move(file), std::move(header), *place);
  }
  std::vector<MappedFile> files;
  files.push_back(std::move(file));
  return hand_out(std::move(header), std::move(files), origin);
}

Checkpoint open_gguf(std::span<const std::byte> bytes, std::string origin) {
  GgufHeader header = parse_gguf(bytes, origin);
  if (const auto place = split_place(header, origin)) {
    throw UnsupportedError("{}: is part {} of {} of a split checkpoint; open it from its folder",
                           origin, place->number + 1, place->count);
  }
  return hand_out(std::move(header), {}, origin);
}

}  // namespace sirocco
