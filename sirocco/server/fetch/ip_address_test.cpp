#include "sirocco/server/fetch/ip_address.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace sirocco {
namespace {

std::string range_of(const std::string& digits) {
  const auto address = IpAddress::parse(digits);
  if (!address) return "no address";
  return std::string(non_public_range(*address).value_or("public"));
}

TEST(IpAddress, HasDigits) {
  for (const char* text : {"10.1.2.3", "::1", "fe80::1", "2001:db8::a", "255.255.255.255"})
    EXPECT_EQ(IpAddress::parse(text)->text(), text);
  EXPECT_EQ(IpAddress::parse("::ffff:10.1.2.3")->text(), "10.1.2.3");
  EXPECT_EQ(IpAddress::parse("::ffff:10.1.2.3"), IpAddress::parse("10.1.2.3"));
  for (const std::string text :
       {"", "a", "1.2.3", "0x7f.1", "1.2.3.4.5", "::1%lo", "[::1]", "01.2.3.4"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

/// Both ends of each range, and of IPv4 what stands beside it.
struct Case {
  const char* first;
  const char* last;
  const char* before;  // public, or null where another range ends there
  const char* behind;
};

class Ranges : public ::testing::TestWithParam<Case> {};

TEST_P(Ranges, AreNotPublic) {
  const auto& [first, last, before, behind] = GetParam();
  for (const char* digits : {first, last}) {
    EXPECT_NE(range_of(digits), "public") << digits;
    EXPECT_NE(range_of(digits), "no address") << digits;
    if (!IpAddress::parse(digits)->is_ipv4()) continue;
    // The same address within others.
    EXPECT_EQ(range_of(std::string("::ffff:") + digits), range_of(digits));
    EXPECT_EQ(range_of(std::string("64:ff9b::") + digits), range_of(digits));
    EXPECT_NE(range_of(std::string("::") + digits), "public");
    EXPECT_NE(range_of(std::string("64:ff9b:1::") + digits), "public");
  }
  for (const char* digits : {before, behind}) {
    if (digits == nullptr) continue;
    EXPECT_EQ(range_of(digits), "public") << digits;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ipv4, Ranges,
    ::testing::Values(Case{"0.0.0.0", "0.255.255.255", nullptr, "1.0.0.0"},
                      Case{"10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
                      Case{"100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"},
                      Case{"127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"},
                      Case{"169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"},
                      Case{"172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
                      Case{"192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"},
                      Case{"192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
                      Case{"192.31.196.0", "192.31.196.255", "192.31.195.255", "192.31.197.0"},
                      Case{"192.52.193.0", "192.52.193.255", "192.52.192.255", "192.52.194.0"},
                      Case{"192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"},
                      Case{"192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"},
                      Case{"192.175.48.0", "192.175.48.255", "192.175.47.255", "192.175.49.0"},
                      Case{"198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"},
                      Case{"198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"},
                      Case{"203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"},
                      Case{"224.0.0.0", "239.255.255.255", "223.255.255.255", nullptr},
                      Case{"240.0.0.0", "255.255.255.255", nullptr, nullptr}));

INSTANTIATE_TEST_SUITE_P(
    Ipv6, Ranges,
    ::testing::Values(
        Case{"::", "::1", nullptr, nullptr}, Case{"::2", "0:ffff::", nullptr, nullptr},
        Case{"64:ff9b:1::", "64:ff9b:1:ffff::", nullptr, nullptr},
        Case{"100::", "100::ffff", nullptr, nullptr},
        Case{"2001::", "2001:1ff:ffff::", "2000:ffff::", "2001:200::"},
        Case{"2001:db8::", "2001:db8:ffff::", "2001:db7:ffff::", "2001:db9::"},
        Case{"2002::", "2002:ffff::", "2001:ffff::", "2003::"},
        Case{"2620:4f:8000::", "2620:4f:8000:ffff::", "2620:4f:7fff::", "2620:4f:8001::"},
        Case{"3fff::", "3fff:fff:ffff::", "3ffe:ffff::", "3fff:1000::"},
        Case{"4000::", "5f00::1", "3fff:ffff::", nullptr},
        Case{"fc00::", "fdff:ffff::", nullptr, nullptr},
        Case{"fe80::", "febf:ffff::", nullptr, nullptr},
        Case{"fec0::", "feff:ffff::", nullptr, nullptr},
        Case{"ff00::", "ff02::1", nullptr, nullptr}));

TEST(IpAddress, PublicOnesWithinOthersAreByThose) {
  EXPECT_EQ(range_of("8.8.8.8"), "public");
  EXPECT_EQ(range_of("::ffff:8.8.8.8"), "public");
  EXPECT_EQ(range_of("64:ff9b::8.8.8.8"), "public");
  EXPECT_EQ(range_of("2606:4700::1"), "public");
}

TEST(IpAddress, OfTheSystem) {
  const std::vector<IpNetwork> own = own_networks();
  const IpAddress loopback = *IpAddress::parse("127.9.9.9");
  EXPECT_TRUE(std::ranges::any_of(own, [&](const IpNetwork& n) { return n.holds(loopback); }));
  const IpAddress other = *IpAddress::parse("8.8.8.8");
  EXPECT_FALSE(std::ranges::any_of(own, [&](const IpNetwork& n) { return n.holds(other); }));
  EXPECT_EQ(resolved_addresses("10.1.2.3").front().text(), "10.1.2.3");
  // The system's resolver takes spellings of IPv4 that aren't four numbers.
  EXPECT_EQ(resolved_addresses("0x7f.1").front().text(), "127.0.0.1");
  EXPECT_EQ(resolved_addresses("::1").front().text(), "::1");
}

}  // namespace
}  // namespace sirocco
