#pragma once

#include <string>
#include <string_view>

namespace sirocco {

/// `text` without what would steer a terminal: control characters other than newline and tab
/// (escape sequences lose their beginning and appear as plain text), DEL, the C1 controls, and
/// bytes that are not UTF-8. A function of whole characters: text may be filtered in pieces that
/// are well-formed.
std::string terminal_safe(std::string_view text);

}  // namespace sirocco
