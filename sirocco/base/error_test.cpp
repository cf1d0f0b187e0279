#include "sirocco/base/error.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

TEST(Error, EveryKindHasItsOwnRow) {
  for (int k = 0; k <= static_cast<int>(ErrorKind::kCancelled); ++k) {
    EXPECT_EQ(error_traits(static_cast<ErrorKind>(k)).kind, static_cast<ErrorKind>(k));
  }
}

TEST(Error, CarriesKindAndMessage) {
  try {
    throw FormatError("{} of {}", 1, "two");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kFormat);
    EXPECT_STREQ(e.what(), "1 of two");
  }
}

TEST(Quoted, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(quoted("plain é 😀"), "'plain é 😀'");
  EXPECT_EQ(quoted("\x1b[2J\n"), "'\\x1b[2J\\x0a'");
  EXPECT_EQ(quoted("\xc2\x9b"), "'\\xc2\\x9b'");
  EXPECT_EQ(quoted("\xff\xc3"), "'\\xff\\xc3'");
  EXPECT_EQ(quoted("\xed\xa0\x80"), "'\\xed\\xa0\\x80'");
  EXPECT_EQ(quoted("abcdef", 3), "'abc…'");
}

}  // namespace
}  // namespace sirocco
