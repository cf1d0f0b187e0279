#include "sirocco/server/http/listener.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/system_error.hpp>
#include <optional>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco::http {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Code = boost::system::error_code;

struct Addresses {
  std::vector<asio::ip::address> all;
  bool may_lack_some = false;  // one that can be listened on is enough
};

Addresses addresses_of(asio::io_context& network, std::string host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  // Never asked of a resolver, which could say something else.
  if (host == "localhost") {
    return {{asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()}, true};
  }
  Code code;
  const asio::ip::address literal = asio::ip::make_address(host, code);
  if (!code) return {{literal}};
  Tcp::resolver resolver(network);
  const auto found = resolver.resolve(host, "", Tcp::resolver::passive, code);
  Addresses addresses;
  for (const auto& entry : found) {
    const asio::ip::address address = entry.endpoint().address();
    if (std::find(addresses.all.begin(), addresses.all.end(), address) == addresses.all.end()) {
      addresses.all.push_back(address);
    }
  }
  if (addresses.all.empty()) {
    throw InvalidArgument("the host {} is no address or name of this machine: {}",
                          sirocco::quoted(host), code ? code.message() : "it has no address");
  }
  return addresses;
}

/// Throws boost::system::system_error.
Tcp::acceptor listen_at(asio::io_context& network, const Tcp::endpoint& endpoint) {
  Tcp::acceptor acceptor(network);
  acceptor.open(endpoint.protocol());
  acceptor.set_option(Tcp::acceptor::reuse_address(true));
  if (endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()));
  }
  acceptor.bind(endpoint);
  acceptor.listen();
  return acceptor;
}

bool is_missing(const Code& code) {
  return code == boost::system::errc::address_family_not_supported ||
         code == boost::system::errc::address_not_available;
}

/// Nothing when the port that the system chose at one address is taken at another.
std::optional<std::vector<Tcp::acceptor>> listen_at_all(asio::io_context& network,
                                                        const Addresses& addresses,
                                                        std::uint16_t port) {
  const bool chosen = port != 0;
  std::vector<Tcp::acceptor> acceptors;
  Code missing;
  for (const asio::ip::address& address : addresses.all) {
    const Tcp::endpoint endpoint(address, port);
    try {
      acceptors.push_back(listen_at(network, endpoint));
      port = acceptors.back().local_endpoint().port();
    } catch (const boost::system::system_error& error) {
      const bool taken = error.code() == boost::system::errc::address_in_use;
      if (taken && !chosen && !acceptors.empty()) return std::nullopt;
      if (!addresses.may_lack_some || !is_missing(error.code())) {
        throw IoError("can't listen on {}: {}", endpoint_text(endpoint), error.code().message());
      }
      missing = error.code();
    }
  }
  if (acceptors.empty()) throw IoError("can't listen: {}", missing.message());
  return acceptors;
}

}  // namespace

std::vector<Tcp::acceptor> listen_on(asio::io_context& network, const std::string& host,
                                     std::uint16_t port) {
  const Addresses addresses = addresses_of(network, host);
  for (int attempt = 0; attempt < 20; ++attempt) {
    auto acceptors = listen_at_all(network, addresses, port);
    if (acceptors) return std::move(*acceptors);
  }
  throw IoError("no port is free at all addresses of {}", sirocco::quoted(host));
}

std::string endpoint_text(const Tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

std::string address_text(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

std::string client_text(const asio::ip::address& address) {
  if (address.is_v4() || address.to_v6().is_v4_mapped()) return address_text(address);
  asio::ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return asio::ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace sirocco::http
