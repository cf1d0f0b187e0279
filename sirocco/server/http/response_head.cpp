#include "sirocco/server/http/response_head.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sirocco/base/error.hpp"

namespace sirocco::http {
namespace {

bool is_token(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

void append(std::string& out, std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_value(value)) {
    throw InvalidArgument("{} with the value {} is no header", quoted(name), quoted(value));
  }
  out.append(name).append(": ").append(value).append("\r\n");
}

/// As RFC 9110 (5.6.7) has it, whatever the locale.
std::string date_text(std::time_t now) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string response_head_text(const ResponseHead& head, std::time_t now) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason_phrase(head.status));
  append(out, "Date", date_text(now));
  if (!head.content_type.empty()) append(out, "Content-Type", head.content_type);
  // So that no browser takes an answer for something else than it is.
  append(out, "X-Content-Type-Options", "nosniff");
  switch (head.framing) {
    case Framing::kLength:
      append(out, "Content-Length", fmt::to_string(head.length));
      break;
    case Framing::kChunks:
      append(out, "Transfer-Encoding", "chunked");
      break;
    case Framing::kNone:
    case Framing::kClose:
      break;
  }
  if (head.closes) append(out, "Connection", "close");
  if (head.keeps_alive) append(out, "Connection", "keep-alive");
  if (!head.request_id.empty()) {
    append(out, "X-Request-Id", head.request_id);
    // Where Anthropic's clients look for it.
    append(out, "Request-Id", head.request_id);
  }
  for (const Header& header : head.headers) append(out, header.name, header.value);
  return out += "\r\n";
}

std::string chunk_text(std::string_view bytes) {
  if (bytes.empty()) return {};
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace sirocco::http
