#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/formats/file_weights.hpp"
#include "sirocco/formats/gguf_cursor.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// A GgufEntry is a value of the file's metadata.
struct GgufEntry {
  std::string_view key;
  MetadataValue value;
};

/// A GgufHeader is the validated content of one GGUF file, in file order; views point into it.
struct GgufHeader {
  std::vector<GgufEntry> entries;
  FileTensors tensors;  ///< those of doubles are made as f32
};

/// Parses and validates a whole file. `origin` names it in messages.
GgufHeader parse_gguf(std::span<const std::byte> bytes, std::string_view origin);

/// The steps of it. `read_entries` reads `count` metadata entries and refuses duplicate keys;
/// `read_tensors` reads `count` tensor descriptions, which end at the data, and refuses those that
/// break the rules of gguf.hpp. `file` is the whole file that the cursor walks, `alignment` a power
/// of two.
std::vector<GgufEntry> read_entries(GgufCursor& cursor, std::uint64_t count);
FileTensors read_tensors(GgufCursor& cursor, std::uint64_t count, std::span<const std::byte> file,
                         std::uint64_t alignment);

}  // namespace sirocco
