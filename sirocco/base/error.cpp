#include "sirocco/base/error.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr std::array kTraits = {
    ErrorTraits{ErrorKind::kFormat, "format_error", 422, 1},
    ErrorTraits{ErrorKind::kUnsupported, "unsupported", 422, 1},
    ErrorTraits{ErrorKind::kInvalidArgument, "invalid_argument", 400, 1},
    ErrorTraits{ErrorKind::kNotFound, "not_found", 404, 1},
    ErrorTraits{ErrorKind::kIo, "io_error", 500, 1},
    ErrorTraits{ErrorKind::kResourceExhausted, "resource_exhausted", 400, 1},
    ErrorTraits{ErrorKind::kBusy, "busy", 429, 1},
    ErrorTraits{ErrorKind::kNotANumber, "not_a_number", 500, 1},
    ErrorTraits{ErrorKind::kCancelled, "cancelled", 499, 1},
};

}  // namespace

const ErrorTraits& error_traits(ErrorKind kind) { return kTraits[static_cast<std::size_t>(kind)]; }

std::string quoted(std::string_view text, std::size_t limit) {
  std::string out = "'";
  std::size_t i = 0;
  while (i < text.size() && i < limit) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const Utf8Unit unit = decode_utf8(text, i);
    const bool control = unit.value < 0x20 || (unit.value >= 0x7F && unit.value < 0xA0);
    if (!unit.valid || control) {
      out += fmt::format("\\x{:02x}", byte);
      ++i;
    } else {
      out += text.substr(i, unit.size);
      i += unit.size;
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
