#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sirocco {

// Sets of characters that Oniguruma has names for, as insides of PCRE2 classes.

/// The property White_Space as the inside of a PCRE2 class: `\s` of PCRE2 isn't quite it.
inline constexpr std::string_view kWhiteSpaceClass =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

/// The property Word, which is `\w` within classes.
inline constexpr std::string_view kWordProperty = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
/// `\h`
inline constexpr std::string_view kHexClass = "0-9A-Fa-f";

/// What `\p{name}` matches: a category, a POSIX name, a property that PCRE2 knows too, or else a
/// script. Nothing where `name` can't be one.
std::optional<std::string> class_of_property(std::string_view name);

/// What `[:name:]` matches; nothing for another name.
std::optional<std::string> class_of_posix(std::string_view name);

}  // namespace sirocco
