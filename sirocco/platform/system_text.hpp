#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// The first `limit` bytes of a text file of /proc or /sys, or nothing where it can't be read.
std::optional<std::string> read_system_text(const std::filesystem::path& file,
                                            std::size_t limit = 1 << 16);

/// The pieces of `text` between the `separator`s; empty ones too, unless `separator` is a space.
std::vector<std::string_view> split_system_text(std::string_view text, char separator);

/// A decimal number that is all of `text` but for blanks and line ends around it.
std::optional<std::uint64_t> parse_system_number(std::string_view text);

/// CPUs or nodes as the kernel lists them, "0-3,8,10-11": ascending, each once. What is not such a
/// list, or a number of 65,536 and above, is left out.
std::vector<int> parse_system_list(std::string_view text);

/// The bytes that a line such as "MemTotal:  123 kB" gives for `key`, "MemTotal".
std::optional<std::uint64_t> find_system_bytes(std::string_view text, std::string_view key);

}  // namespace sirocco
