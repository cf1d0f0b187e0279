#include "sirocco/formats/gguf_header.hpp"

#include <algorithm>
#include <bit>

#include "sirocco/formats/gguf.hpp"

namespace sirocco {
namespace {

constexpr std::uint32_t kMinVersion = 2;
constexpr std::uint32_t kMaxVersion = 3;
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::string_view kAlignmentKey = "general.alignment";

void read_preamble(GgufCursor& cursor) {
  const auto* const magic = cursor.take(kGgufMagic.size(), "the magic number");
  const std::string_view found(reinterpret_cast<const char*>(magic), kGgufMagic.size());
  if (found != kGgufMagic) {
    throw FormatError("{}: begins with {}, not with {}: it is no GGUF file", cursor.origin(),
                      quoted(found), quoted(kGgufMagic));
  }
  const auto version = cursor.read<std::uint32_t>("the version");
  if (version != 0 && (version & 0xFFFFu) == 0) {
    throw UnsupportedError(
        "{}: is a big-endian GGUF file; sirocco reads little-endian ones: convert it",
        cursor.origin());
  }
  if (version < kMinVersion || version > kMaxVersion) {
    throw UnsupportedError(
        "{}: is of GGUF version {}; sirocco reads versions {} to {}: convert the model again",
        cursor.origin(), version, kMinVersion, kMaxVersion);
  }
}

std::uint64_t alignment_of(const GgufCursor& cursor, std::span<const GgufEntry> entries) {
  const auto found = std::ranges::find(entries, kAlignmentKey, &GgufEntry::key);
  if (found == entries.end()) return kDefaultAlignment;
  const auto* const alignment = std::get_if<std::int64_t>(&found->value);
  if (alignment == nullptr || *alignment <= 0 ||
      !std::has_single_bit(static_cast<std::uint64_t>(*alignment))) {
    throw FormatError("{}: {} is {}, but it must be a power of two; the file is damaged",
                      cursor.origin(), quoted(kAlignmentKey),
                      alignment == nullptr ? "no integer" : std::to_string(*alignment));
  }
  return static_cast<std::uint64_t>(*alignment);
}

}  // namespace

GgufHeader parse_gguf(std::span<const std::byte> bytes, std::string_view origin) {
  GgufCursor cursor(bytes, origin);
  read_preamble(cursor);
  const auto tensor_count = cursor.read<std::uint64_t>("the number of tensors");
  const auto entry_count = cursor.read<std::uint64_t>("the number of metadata entries");
  GgufHeader header;
  header.entries = read_entries(cursor, entry_count);
  const std::uint64_t alignment = alignment_of(cursor, header.entries);
  header.tensors = read_tensors(cursor, tensor_count, bytes, alignment);
  return header;
}

}  // namespace sirocco
