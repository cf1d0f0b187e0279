#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"

namespace sirocco {

/// All of standard input, byte for byte. Throws ResourceExhausted beyond 1 GiB.
std::string read_standard_input();

/// All of a file, byte for byte. Throws NotFound, IoError, ResourceExhausted beyond 1 GiB.
std::string read_file(const std::filesystem::path& path);

/// Ids separated by commas or white space, in brackets or not. Throws InvalidArgument naming what
/// isn't one.
std::vector<TokenId> parse_token_ids(std::string_view text);

/// Writes to standard output, byte for byte. Throws IoError when that fails, ReaderGone where it is
/// a pipe without a reader.
void write_output(std::string_view text);

}  // namespace sirocco
