#include "sirocco/media/exif_orientation.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sirocco/media/picture.hpp"

namespace sirocco {
namespace {

using namespace std::string_literals;

std::optional<int> of_exif(const std::string& text) {
  return exif_orientation(std::as_bytes(std::span(text)));
}
std::optional<int> of_xmp(const std::string& text) {
  return xmp_orientation(std::as_bytes(std::span(text)));
}

const std::string kLittle = "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"s;
const std::string kBig = "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x06\0\0\0\0\0\0"s;

TEST(ExifOrientation, BothByteOrders) {
  EXPECT_EQ(of_exif(kLittle), 6);
  EXPECT_EQ(of_exif(kBig), 6);
  EXPECT_EQ(of_exif("Exif\0\0"s + kBig), 6);
}

TEST(ExifOrientation, DamagedDataSayNothing) {
  for (std::size_t size = 0; size < 18; ++size)
    EXPECT_EQ(of_exif(kLittle.substr(0, size)), std::nullopt);
  std::string other = kLittle;
  other[4] = '\xFF';  // the directory is elsewhere
  EXPECT_EQ(of_exif(other), std::nullopt);
  other = kLittle;
  other[12] = 2;  // a text
  EXPECT_EQ(of_exif(other), std::nullopt);
  other = kLittle;
  other[18] = 9;  // no orientation
  EXPECT_EQ(of_exif(other), 0);
  EXPECT_EQ(of_exif(std::string(4000, '\xFF')), std::nullopt);
}

TEST(XmpOrientation, AttributesAndElements) {
  EXPECT_EQ(of_xmp(R"(<a tiff:Orientation="3"/>)"), 3);
  EXPECT_EQ(of_xmp("<tiff:Orientation>8</tiff:Orientation>"), 8);
  EXPECT_EQ(of_xmp("tiff:Orientation tiff:Orientation='1' tiff:Orientation>5"), 5);
  EXPECT_EQ(of_xmp("tiff:Orientation=\""), std::nullopt);
  EXPECT_EQ(of_xmp("tiff:Orientation"), std::nullopt);
}

/// Of the picture "ab / cd / ef", by rows.
std::string turned(int orientation) {
  Picture picture({2, 3});
  for (int i = 0; i < 6; ++i) {
    const std::size_t red = i % 2 == 0 ? 0 : 3;
    picture.row(i / 2)[red] = static_cast<std::uint8_t>('a' + i);
  }
  const Picture out = oriented(picture, orientation);
  std::string text;
  for (int y = 0; y < out.height(); ++y) {
    const auto row = out.row(y);
    for (std::size_t red = 0; red < row.size(); red += 3) text += static_cast<char>(row[red]);
    text += '/';
  }
  return text;
}

TEST(Picture, IsTurnedAsExifAsksFor) {
  EXPECT_EQ(turned(0), "ab/cd/ef/");
  EXPECT_EQ(turned(1), "ab/cd/ef/");
  EXPECT_EQ(turned(2), "ba/dc/fe/");
  EXPECT_EQ(turned(3), "fe/dc/ba/");
  EXPECT_EQ(turned(4), "ef/cd/ab/");
  EXPECT_EQ(turned(5), "ace/bdf/");
  EXPECT_EQ(turned(6), "eca/fdb/");
  EXPECT_EQ(turned(7), "fdb/eca/");
  EXPECT_EQ(turned(8), "bdf/ace/");
  EXPECT_EQ(turned(9), "ab/cd/ef/");
}

}  // namespace
}  // namespace sirocco
