#pragma once

#include <string_view>

namespace sirocco {

/// The byte order mark that editors leave in front of a text in UTF-8, and readers skip.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace sirocco
