#include "sirocco/media/picture_writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_file.hpp"

namespace sirocco {
namespace {

Picture pattern(PictureSize size) {
  Picture out(size);
  for (int y = 0; y < size.height; ++y) {
    std::uint8_t value = static_cast<std::uint8_t>(37 * y);
    for (std::uint8_t& byte : out.row(y)) byte = value = static_cast<std::uint8_t>(value * 5 + 3);
  }
  return out;
}

bool holds(const std::vector<std::byte>& file, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(file.data()), file.size()).find(text) !=
         std::string_view::npos;
}

TEST(PictureWriter, WhatIsReadIsWhatWasWritten) {
  for (const PictureSize size : {PictureSize{1, 1}, PictureSize{7, 3}, PictureSize{200, 131}}) {
    const Picture written = pattern(size);
    const Picture read = decode_picture(encode_png(written));
    ASSERT_EQ(read.size(), size);
    for (int y = 0; y < size.height; ++y)
      EXPECT_TRUE(std::ranges::equal(read.row(y), written.row(y)));
  }
}

TEST(PictureWriter, NotesAreInTheFile) {
  const std::vector<PictureNote> notes = {{"parameters", "a fox\nSteps: 4"},
                                          {"author", "f\xC3\xBCr dich"}};
  const std::vector<std::byte> file = encode_png(pattern({4, 4}), notes);
  using namespace std::string_view_literals;
  EXPECT_TRUE(holds(file, "tEXtparameters\0a fox\nSteps: 4"sv));
  EXPECT_TRUE(holds(file, "iTXtauthor\0\0\0\0\0f\xC3\xBCr dich"sv));
  EXPECT_EQ(decode_picture(file).size(), (PictureSize{4, 4}));
}

TEST(PictureWriter, RefusesKeywords) {
  for (const std::string& keyword : {std::string(), std::string(80, 'a'), std::string(" a"),
                                     std::string("a\n"), std::string("a\0b", 3)}) {
    const std::vector<PictureNote> notes = {{keyword, "x"}};
    EXPECT_THROW(encode_png(pattern({1, 1}), notes), InvalidArgument);
  }
}

}  // namespace
}  // namespace sirocco
