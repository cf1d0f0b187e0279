#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace sirocco::http {

/// Sockets that listen at every address of `host`, all at one port; 0: any that is free. "::" has
/// the addresses of IPv4 too. Throws InvalidArgument for a host that is none and IoError where it
/// can't be listened on.
std::vector<boost::asio::ip::tcp::acceptor> listen_on(boost::asio::io_context& network,
                                                      const std::string& host, std::uint16_t port);

/// "127.0.0.1:8080", "[::1]:8080".
std::string endpoint_text(const boost::asio::ip::tcp::endpoint& endpoint);

/// In digits; one of IPv4 as such, also where it is written as one of IPv6.
std::string address_text(const boost::asio::ip::address& address);

/// Whose connections are counted together: an IPv4 address, or the first 64 bits of an IPv6
/// address, since one client has all of the rest.
std::string client_text(const boost::asio::ip::address& address);

}  // namespace sirocco::http
