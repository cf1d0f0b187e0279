#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/server/fetch/picture_fetcher.hpp"
#include "sirocco/server/json/field.hpp"
#include "sirocco/text/medium.hpp"

namespace sirocco {

/// A SentMedium is a picture or a sound in a request as it was sent, which nobody has looked into
/// yet. Copies share it.
struct SentMedium {
  /// A data: URL, base64 alone, or the http or https address of the file; never null.
  std::shared_ptr<const std::string> source;
  std::optional<std::size_t> base64_at;  ///< where the base64 begins in it; nothing in an address
  std::string place;  ///< in the body, for errors: "messages[2].content[1].image_url.url"
  Medium medium = Medium::kPicture;
  FetchedFile fetched = nullptr;  ///< what was found at the address

  bool is_address() const { return !base64_at; }
  friend bool operator==(const SentMedium& a, const SentMedium& b) {
    return a.medium == b.medium && *a.source == *b.source && a.base64_at == b.base64_at;
  }
};

/// A picture in a data: URL (RFC 2397), in base64, or at an http or https address. A media type
/// says nothing: a file's first bytes do. Throws InvalidRequest for other URLs.
SentMedium picture_in_url(const json::Field& url);
/// A picture or a sound in base64 alone. Throws InvalidRequest for what is no text.
SentMedium medium_in_base64(Medium medium, const json::Field& data);

/// Throws InvalidRequest that names its place: `message` follows it and a colon.
[[noreturn]] void refuse(const SentMedium& medium, std::string_view code, std::string_view message);
/// The bytes of its file; that at an address was fetched. Throws InvalidRequest where they aren't
/// base64, or none.
std::vector<std::byte> file_of(const SentMedium& medium);

}  // namespace sirocco
