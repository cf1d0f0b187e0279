#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sirocco {

/// A Url is an absolute http or https address in its normal form, without a user's name and
/// without a fragment.
class Url {
 public:
  /// Throws FormatError for anything else, and for more than 16 KiB. `what` names it in messages.
  static Url parse(std::string_view text, std::string_view what);

  /// What `location`, absolute or relative to this one, means. Throws as parse.
  Url resolved(std::string_view location, std::string_view what) const;
  /// The address behind this one: `path` begins with a slash and is percent-encoded already.
  Url below(std::string_view path) const;

  const std::string& text() const { return text_; }
  /// Scheme, host and port, as in "https://hub.example:443".
  const std::string& origin() const { return origin_; }
  /// In small letters; an IPv6 address without its brackets.
  const std::string& host() const { return host_; }
  /// That of the scheme where none is said.
  std::uint16_t port() const { return port_; }
  bool is_encrypted() const { return origin_.starts_with("https:"); }

 private:
  Url() = default;

  std::string text_;
  std::string origin_;
  std::string host_;
  std::uint16_t port_ = 0;
};

/// `text` as a part of a path: everything but letters, digits and "-._~" becomes %XX; slashes stay
/// where `keep_slashes`.
std::string percent_encoded(std::string_view text, bool keep_slashes = false);

}  // namespace sirocco
