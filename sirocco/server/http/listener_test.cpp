#include "sirocco/server/http/listener.hpp"

#include <gtest/gtest.h>

namespace sirocco::http {
namespace {

namespace ip = boost::asio::ip;

TEST(Listener, WritesEndpointsAsUrlsHaveThem) {
  EXPECT_EQ(endpoint_text({ip::make_address("127.0.0.1"), 80}), "127.0.0.1:80");
  EXPECT_EQ(endpoint_text({ip::make_address("::1"), 80}), "[::1]:80");
}

TEST(Listener, CountsAClientsAddressesTogether) {
  const auto client = [](const char* address) { return client_text(ip::make_address(address)); };
  EXPECT_EQ(client("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client("::ffff:10.0.0.1"), client("10.0.0.1"));
  EXPECT_EQ(client("2001:db8::1"), client("2001:db8::ffff:0:0:2"));
  EXPECT_NE(client("2001:db8::1"), client("2001:db8:0:1::1"));
  EXPECT_EQ(address_text(ip::make_address("::ffff:10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(address_text(ip::make_address("2001:db8::1")), "2001:db8::1");
}

}  // namespace
}  // namespace sirocco::http
