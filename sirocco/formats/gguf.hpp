#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/platform/mapped_file.hpp"

/// GGUF, versions 2 and 3, little-endian
/// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
///
/// A file is mapped and validated whole before anything is handed out; from then on no byte of it
/// can make an access leave its bounds. Metadata arrive as metadata.hpp says; the members of arrays
/// of strings are views into the file. Arrays of arrays have no counterpart there: they are
/// validated and left out. A file without tensors (a vocabulary) is fine.
///
/// Errors: FormatError for what the format doesn't allow, UnsupportedError for big-endian files,
/// other versions and tensor types that sirocco can't read.
namespace sirocco {

inline constexpr std::string_view kGgufMagic = "GGUF";

/// Opens the file and, when it is a part of a split checkpoint (PREFIX-00001-of-00003.gguf), all
/// the other parts beside it; metadata are those of the first part. NotFound names missing parts.
Checkpoint open_gguf(MappedFile file);

/// Opens a whole checkpoint that lies in memory, which the caller keeps for as long as the result.
/// `origin` names it in messages.
Checkpoint open_gguf(std::span<const std::byte> bytes, std::string origin);

}  // namespace sirocco
