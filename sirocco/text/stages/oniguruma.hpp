#pragma once

#include <string>
#include <string_view>

namespace sirocco {

/// The PCRE2 pattern that matches what `pattern` matches in Oniguruma's own syntax over Unicode,
/// the language of the regular expressions in a tokenizer.json. What differs is rewritten: `\s`,
/// `\w`, `\b`, `\h` and the POSIX classes by their properties, classes within classes and
/// intersections (`[a&&[^b]]`) by lookahead, scripts by their exact extent. Throws
/// UnsupportedError, naming it, for what has no counterpart. To be compiled with UTF, UCP,
/// multi-line `^` and `$` and LF as the only line end.
std::string pcre2_of_oniguruma(std::string_view pattern);

}  // namespace sirocco
