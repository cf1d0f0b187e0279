#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace sirocco {

/// Bytes as text. (RFC 4648, section 4)
std::string base64(std::span<const std::byte> bytes);

}  // namespace sirocco
