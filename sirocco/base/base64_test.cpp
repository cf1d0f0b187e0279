#include "sirocco/base/base64.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sirocco {
namespace {

std::optional<std::string> read(std::string_view text) {
  const auto bytes = base64_bytes(text);
  if (!bytes) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

// The vectors of RFC 4648, section 10.
TEST(Base64, IsRead) {
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("Zg=="), "f");
  EXPECT_EQ(read("Zm8="), "fo");
  EXPECT_EQ(read("Zm9v"), "foo");
  EXPECT_EQ(read("Zm9vYg=="), "foob");
  EXPECT_EQ(read("Zm9vYmE="), "fooba");
  EXPECT_EQ(read("Zm9vYmFy"), "foobar");
  EXPECT_EQ(read("+/+/"), "\xfb\xff\xbf");
}

TEST(Base64, IsWritten) {
  const auto written = [](std::string_view bytes) {
    return base64_text(std::as_bytes(std::span(bytes)));
  };
  // RFC 4648, section 10.
  EXPECT_EQ(written(""), "");
  EXPECT_EQ(written("f"), "Zg==");
  EXPECT_EQ(written("fo"), "Zm8=");
  EXPECT_EQ(written("foo"), "Zm9v");
  EXPECT_EQ(written("foobar"), "Zm9vYmFy");
  EXPECT_EQ(written("\xfb\xff\xbf"), "+/+/");
}

TEST(Base64, LinesAndMissingPaddingAreRead) {
  EXPECT_EQ(read("Zm9v\r\nYmFy\n"), "foobar");
  EXPECT_EQ(read(" Z g = = "), "f");
  EXPECT_EQ(read("Zg"), "f");
  EXPECT_EQ(read("Zm8"), "fo");
}

TEST(Base64, OthersAreNone) {
  for (const char* text : {"Z", "Zm9vY", "=", "==", "Zg=", "Zg===", "Zm9v=", "Zm9v====", "Zg==Zg==",
                           "Zm9v-_", "Zm%2B", "Zm9\xc3", "Zm9v,"})
    EXPECT_EQ(read(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sirocco
