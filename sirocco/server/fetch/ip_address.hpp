#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace sirocco {

/// An IpAddress is one of IPv4 or IPv6. Those of IPv4 are held as IPv6 maps them (::ffff:0:0/96),
/// so that an address that came mapped is the same.
class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  /// Of its digits: "10.1.2.3", "fe80::1"; nothing for other texts.
  static std::optional<IpAddress> parse(std::string_view digits);
  /// Of a socket's; nothing for other families.
  static std::optional<IpAddress> of(const sockaddr& address);

  const Bytes& bytes() const { return bytes_; }
  bool is_ipv4() const;
  std::string text() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  friend std::optional<std::string_view> non_public_range(const IpAddress& address);
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  Bytes bytes_;
};

/// An IpNetwork is the addresses that begin with the same bits.
struct IpNetwork {
  IpAddress address;
  int bits;  ///< of 128: those of IPv4 are mapped

  bool holds(const IpAddress& other) const;
};

/// What a range is called whose addresses not everybody reaches, or that nobody has: of private
/// networks, this machine, a link, several receivers, documentation (IANA's registries of
/// special-purpose addresses). Nothing for a public address. Where an address holds one of IPv4
/// (mapped, NAT64), it is judged by that.
std::optional<std::string_view> non_public_range(const IpAddress& address);

/// The networks that this machine's own interfaces are in, as they are now.
std::vector<IpNetwork> own_networks();

/// What the system's resolver says of a name, or digits, each address once. Blocks. Throws IoError
/// where it says nothing.
std::vector<IpAddress> resolved_addresses(const std::string& host);

}  // namespace sirocco
