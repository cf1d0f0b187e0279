#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/seconds.hpp"
#include "sirocco/server/fetch/ip_address.hpp"

namespace sirocco {

/// FetchOptions say where pictures may be fetched from, and what they may take.
struct FetchOptions {
  /// "a.example", or ".a.example" for all names below it; without any, all hosts.
  std::vector<std::string> hosts = {};
  std::size_t max_bytes = std::size_t{20} << 20;        ///< of a file
  std::size_t max_held_bytes = std::size_t{512} << 20;  ///< of all files that somebody holds
  Seconds max_s = 20;         ///< for a file, from its turn on; redirects included
  Seconds max_connect_s = 5;  ///< for a connection
  int max_redirects = 3;
  int threads = 8;                ///< files that are fetched at a time
  std::size_t max_waiting = 256;  ///< files that wait for their turn
  /// The addresses of a host; resolved_addresses without. Any thread.
  std::function<std::vector<IpAddress>(const std::string& host)> resolve = {};
  /// For tests alone, whose servers aren't public: whether an address may be asked all the same.
  std::function<bool(const IpAddress& address, std::uint16_t port)> also_allowed = {};
};

/// FetchedFile is the bytes of a file; while somebody holds it, the fetcher counts it.
using FetchedFile = std::shared_ptr<const std::vector<std::byte>>;

/// Fetching is a file on its way. Move-only; when it goes before the end, the way ends.
class Fetching {
 public:
  Fetching(Fetching&&) noexcept = default;
  Fetching& operator=(Fetching&& other) noexcept;
  ~Fetching();

  bool ended() const;
  /// The file, once it has ended. Throws what it ended with, as PictureFetcher says.
  FetchedFile take();

 private:
  friend class PictureFetcher;
  struct State;
  explicit Fetching(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// A PictureFetcher GETs pictures from http and https addresses that others name, so that nothing
/// but public servers is ever asked:
///
/// - Every address of a host is looked at, and one that isn't public (non_public_range), or is in a
///   network of this machine, refuses the host. A connection is made to these addresses alone,
///   whatever the name means by then.
/// - Redirects are counted, and go the same way from the beginning; never from https to http.
/// - No proxies, no credentials, no cookies; certificates are checked.
/// - An answer is taken where its status is 200 and its type that of a picture, or of any bytes.
///
/// On threads of its own. Thread-safe.
class PictureFetcher {
 public:
  /// Throws InvalidArgument for hosts that are none, IoError where libcurl can't be prepared.
  explicit PictureFetcher(FetchOptions options);
  /// Ends what is on its way.
  ~PictureFetcher();
  PictureFetcher(const PictureFetcher&) = delete;
  PictureFetcher& operator=(const PictureFetcher&) = delete;

  const FetchOptions& options() const;

  /// Begins to fetch a file; `ring` is called on another thread when it has ended. `max_bytes`
  /// where that is less than the options say. What it ends with: FormatError for what is no such
  /// address, InvalidArgument for one that may not be asked, and for answers that aren't taken,
  /// IoError where there is no answer, Busy where too much is held. Throws Busy where too many
  /// wait.
  Fetching begin(std::string url, std::size_t max_bytes, std::function<void()> ring);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether a host, in small letters, is one of `hosts`: FetchOptions::hosts.
bool is_listed_host(std::string_view host, std::span<const std::string> hosts);

}  // namespace sirocco
