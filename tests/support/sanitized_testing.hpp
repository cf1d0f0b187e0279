#pragma once

namespace sirocco {

/// Whether this tree looks for mistakes with a sanitizer. The release build's tests compare
/// everything; a sanitized one leaves out what repeats the same accesses to memory.
#ifdef SIROCCO_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace sirocco
