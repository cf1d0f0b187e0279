#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// The bytes that `text` is the base64 of (RFC 4648, the alphabet with + and /), as browsers read
/// it: white space anywhere counts for nothing, and padding may be left out. Nothing where it is
/// none.
std::optional<std::vector<std::byte>> base64_bytes(std::string_view text);

/// The base64 of bytes, with padding and without blanks.
std::string base64_text(std::span<const std::byte> bytes);

}  // namespace sirocco
