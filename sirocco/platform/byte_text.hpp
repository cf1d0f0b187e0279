#pragma once

#include <cstdint>
#include <string>

namespace sirocco {

/// `bytes` for people: "512 bytes", "93.8 MiB", "1.50 GiB"; three significant digits, powers of
/// 1024.
std::string byte_text(std::uint64_t bytes);

}  // namespace sirocco
