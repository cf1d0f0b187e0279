#include "sirocco/server/fetch/ip_address.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr IpAddress::Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
constexpr int kMappedBits = 96;
// RFC 6052: the last four bytes are those of IPv4.
constexpr IpAddress::Bytes kNat64 = {0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
// What IANA gives out to be reached: 2000::/3.
constexpr IpAddress::Bytes kGlobalUnicast = {0x20};
constexpr int kGlobalUnicastBits = 3;

bool begins_with(const IpAddress::Bytes& bytes, const IpAddress::Bytes& prefix, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  prefix.begin()))
    return false;
  const int rest = bits % 8;
  return rest == 0 || (bytes[whole] >> (8 - rest)) == (prefix[whole] >> (8 - rest));
}

struct Range {
  const char* first;
  int bits;  // of the notation's own
  std::string_view name;
};
// The registries of special-purpose addresses (RFC 6890 and what updates it), and multicast.
constexpr std::array kRanges = {
    Range{"0.0.0.0", 8, "this network"},
    Range{"10.0.0.0", 8, "private"},
    Range{"100.64.0.0", 10, "shared by a provider's customers"},
    Range{"127.0.0.0", 8, "loopback"},
    Range{"169.254.0.0", 16, "link-local"},
    Range{"172.16.0.0", 12, "private"},
    Range{"192.0.0.0", 24, "protocol assignments"},
    Range{"192.0.2.0", 24, "documentation"},
    Range{"192.31.196.0", 24, "AS112"},
    Range{"192.52.193.0", 24, "AMT"},
    Range{"192.88.99.0", 24, "6to4 relays"},
    Range{"192.168.0.0", 16, "private"},
    Range{"192.175.48.0", 24, "AS112"},
    Range{"198.18.0.0", 15, "benchmarking"},
    Range{"198.51.100.0", 24, "documentation"},
    Range{"203.0.113.0", 24, "documentation"},
    Range{"224.0.0.0", 4, "multicast"},
    Range{"240.0.0.0", 4, "reserved, and broadcast"},
    // Within 2000::/3; all else of IPv6 isn't public.
    Range{"2001::", 23, "protocol assignments, Teredo"},
    Range{"2001:db8::", 32, "documentation"},
    Range{"2002::", 16, "6to4"},
    Range{"2620:4f:8000::", 48, "AS112"},
    Range{"3fff::", 20, "documentation"},
};

struct NamedNetwork {
  IpNetwork network;
  std::string_view name;
};
const std::vector<NamedNetwork>& named_networks() {
  static const std::vector<NamedNetwork> all = [] {
    std::vector<NamedNetwork> out;
    for (const Range& range : kRanges) {
      const IpAddress first = *IpAddress::parse(range.first);
      const int bits = first.is_ipv4() ? kMappedBits + range.bits : range.bits;
      out.push_back({{first, bits}, range.name});
    }
    return out;
  }();
  return all;
}

IpAddress::Bytes mapped(const void* four) {
  IpAddress::Bytes bytes = kMapped;
  std::memcpy(bytes.data() + kMappedBits / 8, four, 4);
  return bytes;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view digits) {
  const std::string text(digits);
  Bytes bytes;
  if (text.find('\0') != std::string::npos) return std::nullopt;
  in_addr four;
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return IpAddress(mapped(&four));
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address, sizeof in);
    return IpAddress(mapped(&in.sin_addr));
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 in6;
  std::memcpy(&in6, &address, sizeof in6);
  Bytes bytes;
  std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
  return IpAddress(bytes);
}

bool IpAddress::is_ipv4() const { return begins_with(bytes_, kMapped, kMappedBits); }

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN] = {};
  if (is_ipv4())
    inet_ntop(AF_INET, bytes_.data() + kMappedBits / 8, out, sizeof out);
  else
    inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
  return out;
}

bool IpNetwork::holds(const IpAddress& other) const {
  return begins_with(other.bytes(), address.bytes(), bits);
}

std::optional<std::string_view> non_public_range(const IpAddress& address) {
  if (begins_with(address.bytes(), kNat64, kMappedBits))
    return non_public_range(IpAddress(mapped(address.bytes().data() + kMappedBits / 8)));
  for (const NamedNetwork& row : named_networks())
    if (row.network.holds(address)) return row.name;
  if (address.is_ipv4()) return std::nullopt;
  if (!begins_with(address.bytes(), kGlobalUnicast, kGlobalUnicastBits)) return "no global unicast";
  return std::nullopt;
}

std::vector<IpNetwork> own_networks() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owned(list, freeifaddrs);
  std::vector<IpNetwork> out;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_netmask == nullptr) continue;
    const auto address = IpAddress::of(*i->ifa_addr);
    // A mask may come without a family of its own.
    sockaddr_storage mask = {};
    const bool ipv4 = i->ifa_addr->sa_family == AF_INET;
    if (!address || (!ipv4 && i->ifa_addr->sa_family != AF_INET6)) continue;
    std::memcpy(&mask, i->ifa_netmask, ipv4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    mask.ss_family = i->ifa_addr->sa_family;
    const auto bytes = IpAddress::of(reinterpret_cast<const sockaddr&>(mask));
    int bits = 0;
    for (std::size_t at = ipv4 ? kMappedBits / 8 : 0; at < bytes->bytes().size(); ++at)
      bits += std::popcount(bytes->bytes()[at]);
    // Of a tunnel that everything goes through, the mask says nothing.
    constexpr int kLeastBits = 8;
    if (bits >= kLeastBits) out.push_back({*address, ipv4 ? kMappedBits + bits : bits});
  }
  return out;
}

std::vector<IpAddress> resolved_addresses(const std::string& host) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int code = getaddrinfo(host.c_str(), nullptr, &hints, &list); code != 0)
    throw IoError("{} isn't found: {}", sirocco::quoted(host), gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(list, freeaddrinfo);
  std::vector<IpAddress> out;
  for (const addrinfo* i = list; i != nullptr; i = i->ai_next) {
    const auto address = IpAddress::of(*i->ai_addr);
    if (address && std::ranges::find(out, *address) == out.end()) out.push_back(*address);
  }
  if (out.empty()) throw IoError("{} has no address", sirocco::quoted(host));
  return out;
}

}  // namespace sirocco
