#include "sirocco/server/sent_medium.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "sirocco/base/base64.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/server/invalid_request.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kExpected = "expected data:image/png;base64,… or the like";

/// `lower` has no capitals.
bool equal_without_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

}  // namespace

SentMedium picture_in_url(const json::Field& url) {
  const std::string& text = url.text();
  const std::string_view view = text;
  const std::string_view scheme = view.substr(0, std::min(view.find(':'), view.size()));
  if (scheme.size() == view.size()) {
    url.fail("invalid_value",
             fmt::format("found {}, which is no URL; {}", json::described(url.value()), kExpected));
  }
  if (equal_without_case(scheme, "http") || equal_without_case(scheme, "https"))
    return {std::make_shared<const std::string>(text), std::nullopt, url.path()};
  if (!equal_without_case(scheme, "data")) {
    url.fail("unsupported_value",
             fmt::format("found {}; only data: URLs are read, and http and https where they are "
                         "allowed; {}",
                         json::described(url.value()), kExpected));
  }
  const std::size_t comma = view.find(',');
  if (comma == std::string_view::npos) {
    url.fail("invalid_value",
             fmt::format("found {}, a data: URL without a comma before its data; {}",
                         json::described(url.value()), kExpected));
  }
  constexpr std::string_view kBase64 = ";base64";
  const std::string_view before = view.substr(0, comma);
  if (before.size() < kBase64.size() ||
      !equal_without_case(before.substr(before.size() - kBase64.size()), kBase64)) {
    url.fail("unsupported_value", fmt::format("found {}, whose data aren't said to be base64; {}",
                                              json::described(url.value()), kExpected));
  }
  return {std::make_shared<const std::string>(text), comma + 1, url.path()};
}

SentMedium medium_in_base64(Medium medium, const json::Field& data) {
  return {std::make_shared<const std::string>(data.text()), 0, data.path(), medium};
}

void refuse(const SentMedium& medium, std::string_view code, std::string_view message) {
  throw InvalidRequest(medium.place, code, fmt::format("{}: {}", medium.place, message));
}

std::vector<std::byte> file_of(const SentMedium& medium) {
  if (medium.is_address()) {
    SIROCCO_CHECK(medium.fetched != nullptr);
    if (medium.fetched->empty()) refuse(medium, "invalid_value", "the file is empty");
    return *medium.fetched;
  }
  std::optional<std::vector<std::byte>> bytes =
      base64_bytes(std::string_view(*medium.source).substr(*medium.base64_at));
  if (!bytes) refuse(medium, "invalid_value", "the data aren't base64");
  if (bytes->empty()) refuse(medium, "invalid_value", "there are no data");
  return *std::move(bytes);
}

}  // namespace sirocco
