#include "sirocco/base/error.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace sirocco {
namespace {

constexpr std::array kTraits = {
    ErrorTraits{ErrorKind::kFormat, "format_error", 422, 1},
    ErrorTraits{ErrorKind::kUnsupported, "unsupported", 422, 1},
    ErrorTraits{ErrorKind::kInvalidArgument, "invalid_argument", 400, 1},
    ErrorTraits{ErrorKind::kNotFound, "not_found", 404, 1},
    ErrorTraits{ErrorKind::kIo, "io_error", 500, 1},
    ErrorTraits{ErrorKind::kResourceExhausted, "resource_exhausted", 503, 1},
    ErrorTraits{ErrorKind::kNotANumber, "not_a_number", 500, 1},
    ErrorTraits{ErrorKind::kCancelled, "cancelled", 499, 1},
};

/// Bytes of the well-formed UTF-8 character at the start of `text`, or 0 (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && at(1) < 0xA0) return 0;
  if (first == 0xED && at(1) > 0x9F) return 0;
  if (first == 0xF0 && at(1) < 0x90) return 0;
  if (first == 0xF4 && at(1) > 0x8F) return 0;
  return length;
}

}  // namespace

const ErrorTraits& error_traits(ErrorKind kind) { return kTraits[static_cast<std::size_t>(kind)]; }

std::string quoted(std::string_view text, std::size_t limit) {
  std::string out = "'";
  std::size_t i = 0;
  while (i < text.size() && i < limit) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text.substr(i));
    const bool c1_control =
        length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (length == 0 || byte < 0x20 || byte == 0x7F || c1_control) {
      out += fmt::format("\\x{:02x}", byte);
      ++i;
    } else {
      out += text.substr(i, length);
      i += length;
    }
  }
  out += i < text.size() ? "…'" : "'";
  return out;
}

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "sirocco: internal error: %s does not hold (%s:%d)\n", condition, file,
               line);
  std::abort();
}

}  // namespace sirocco
