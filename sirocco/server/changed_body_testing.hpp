#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco::request_testing {

/// What stands in the place of other bytes: JSON that is seldom expected, and bytes that are none.
inline constexpr std::array<std::string_view, 30> kPieces = {
    "null", "true",      "false",   "0",    "-1",    "1e999",   "1e30",    "9223372036854775808",
    "-0.0", "0.5",       "NaN",     "\"\"", "\"a\"", "[]",      "{}",      "[[]]",
    "[1]",  "{\"a\":1}", ",",       ":",    "\"",    "\\u0000", "\\ud800", "\xff",
    "\xc3", "[[[[[[[[",  "{\"a\":", "]}]}", "\n",    "\"n\":"};

/// A body that was changed in a place for each of `choices`.
inline std::string changed(std::string body, const std::vector<std::uint32_t>& choices) {
  for (const std::uint32_t choice : choices) {
    const std::size_t at = (choice >> 8) % (body.size() + 1);
    const std::size_t length = std::min<std::size_t>((choice >> 3) % 24, body.size() - at);
    switch (choice % 4) {
      case 0:
        body.erase(at, length);
        break;
      case 1:
        body.insert(at, body.substr(at, length));
        break;
      case 2:
        body.replace(at, length, kPieces[(choice >> 20) % kPieces.size()]);
        break;
      default: {
        // A value in the place of one.
        const std::size_t colon = body.find(':', at);
        if (colon == std::string::npos) break;
        const std::size_t end = body.find_first_of(",}]", colon);
        if (end == std::string::npos) break;
        body.replace(colon + 1, end - colon - 1, kPieces[(choice >> 20) % kPieces.size()]);
      }
    }
  }
  return body;
}

/// Of bodies that were changed, how many were read and how many weren't.
struct ReadAndRefused {
  int read = 0;
  int refused = 0;
};
/// Changes each of `bodies` in many ways. `count_readable(body, require)` tells in how many ways
/// one can be read, and calls `require` with what must be true.
template <class Bodies, class CountReadable>
ReadAndRefused read_changed(const Bodies& bodies, CountReadable count_readable) {
  ReadAndRefused count;
  for (const std::string_view original : bodies) {
    EXPECT_TRUE(rc::check([&](const std::vector<std::uint32_t>& choices) {
      const std::string body = changed(std::string(original), choices);
      const auto require = [](bool condition) { RC_ASSERT(condition); };
      ++(count_readable(body, require) > 0 ? count.read : count.refused);
    }));
  }
  return count;
}

}  // namespace sirocco::request_testing
