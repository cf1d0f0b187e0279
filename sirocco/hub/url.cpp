#include "sirocco/hub/url.hpp"

#include <curl/urlapi.h>
#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <system_error>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxUrlBytes = std::size_t{16} << 10;

struct FreeParts {
  void operator()(CURLU* parts) const { curl_url_cleanup(parts); }
};
using Parts = std::unique_ptr<CURLU, FreeParts>;

struct FreeText {
  void operator()(char* text) const { curl_free(text); }
};

std::string part_of(const Parts& parts, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(parts.get(), part, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, FreeText> owned(text);
  return text;
}

}  // namespace

Url Url::parse(std::string_view text, std::string_view what) { return Url().resolved(text, what); }

Url Url::resolved(std::string_view location, std::string_view what) const {
  if (location.size() > kMaxUrlBytes)
    throw FormatError("{}: an address of {} bytes; {} are allowed", what, location.size(),
                      kMaxUrlBytes);
  const Parts parts(curl_url());
  if (parts == nullptr) throw std::bad_alloc();
  if (!text_.empty() && curl_url_set(parts.get(), CURLUPART_URL, text_.c_str(), 0) != CURLUE_OK)
    throw FormatError("{}: {} is no address", what, sirocco::quoted(text_));
  // A byte of 0 would end it early.
  const bool printable = location.find_first_of(std::string_view("\0\r\n\t ", 5)) == location.npos;
  if (!printable ||
      curl_url_set(parts.get(), CURLUPART_URL, std::string(location).c_str(), 0) != CURLUE_OK)
    throw FormatError("{}: {} is no address", what, sirocco::quoted(location));
  const std::string scheme = part_of(parts, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https")
    throw FormatError("{}: {} is neither http nor https", what, sirocco::quoted(location));
  if (!part_of(parts, CURLUPART_USER).empty() || !part_of(parts, CURLUPART_PASSWORD).empty())
    throw FormatError("{}: {} holds a user's name or a password", what,
                      sirocco::quoted(location.substr(0, location.find(':'))));
  curl_url_set(parts.get(), CURLUPART_FRAGMENT, nullptr, 0);
  std::string host = part_of(parts, CURLUPART_HOST);
  for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (host.empty()) throw FormatError("{}: {} names no host", what, sirocco::quoted(location));
  const std::string port = part_of(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  Url out;
  out.text_ = part_of(parts, CURLUPART_URL);
  out.origin_ = fmt::format("{}://{}:{}", scheme, host, port);
  if (std::from_chars(port.data(), port.data() + port.size(), out.port_).ec != std::errc())
    throw FormatError("{}: {} has no port", what, sirocco::quoted(location));
  out.host_ = host.starts_with('[') ? host.substr(1, host.size() - 2) : std::move(host);
  return out;
}

Url Url::below(std::string_view path) const {
  std::string_view base = text_;
  base = base.substr(0, base.find('?'));
  while (base.ends_with('/')) base.remove_suffix(1);
  Url out = *this;
  out.text_ = fmt::format("{}{}", base, path);
  return out;
}

std::string percent_encoded(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slashes);
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace sirocco
