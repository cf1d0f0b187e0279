#include "sirocco/media/picture_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sirocco/base/error.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

const std::string kFiles = source_path("tests/golden/media/files/");

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::span<const std::byte> bytes(const std::string& file) { return std::as_bytes(std::span(file)); }
/// So that a sanitizer sees what is read behind the end.
Picture decode_copy(std::string_view file, const PictureLimits& limits = {}) {
  const std::vector<char> copy(file.begin(), file.end());
  return decode_picture(std::as_bytes(std::span(copy)), limits);
}

template <class Expected>
void expect_refused(const std::string& file, const std::string& words,
                    const PictureLimits& limits = {}) {
  try {
    decode_picture(bytes(file), limits);
    ADD_FAILURE() << "nothing was thrown; expected: " << words;
  } catch (const Expected& error) {
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

TEST(PictureFile, ItsFirstBytesSayWhatItIs) {
  EXPECT_EQ(read_picture_header(bytes(read_file(kFiles + "noise.jpg"))).format, "JPEG");
  EXPECT_EQ(read_picture_header(bytes(read_file(kFiles + "key.png"))).format, "PNG");
  EXPECT_EQ(read_picture_header(bytes(read_file(kFiles + "lossy.webp"))).format, "WebP");
  EXPECT_EQ(read_picture_header(bytes(read_file(kFiles + "key.gif"))).format, "GIF");
  EXPECT_EQ(read_picture_header(bytes(read_file(kFiles + "core.bmp"))).format, "BMP");
  expect_refused<UnsupportedError>("%PDF-1.7\n", "begins with '%PDF-1.7\\x0a'");
  expect_refused<UnsupportedError>("RIFF\x10\0\0\0WAVEfmt "s, "PNG, WebP");
  expect_refused<UnsupportedError>("RIFF", "JPEG");
  expect_refused<UnsupportedError>("", "begins with nothing");
}

TEST(PictureFile, ATurnedPictureIsAsItIsShown) {
  const PictureHeader header = read_picture_header(bytes(read_file(kFiles + "exif-6.jpg")));
  EXPECT_EQ(header.size, (PictureSize{8, 19}));
}

TEST(PictureFile, LimitsAreHeldAgainstTheHeader) {
  const std::string file = read_file(kFiles + "color.png");
  expect_refused<ResourceExhausted>(file, "at most 100 are allowed", {.max_bytes = 100});
  expect_refused<ResourceExhausted>(file, "37 x 23 pixels; at most 36 a side", {.max_side = 36});
  expect_refused<ResourceExhausted>(file, "850 in all are allowed", {.max_pixels = 850});
  EXPECT_NO_THROW(decode_picture(bytes(file), {file.size(), 851, 37}));
}

/// Headers that ask for memory which the file doesn't pay for.
TEST(PictureFile, LargePicturesOfSmallFilesAreRefused) {
  std::string png = read_file(kFiles + "color.png");
  png.replace(16, 8, "\0\0\xEA\x60\0\0\xEA\x60"s);
  expect_refused<ResourceExhausted>(png, "60000 x 60000 pixels");
  png.replace(16, 8, "\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF"s);
  expect_refused<ResourceExhausted>(png, "2147483647 x 2147483647");
  png.replace(16, 8, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s);
  expect_refused<FormatError>(png, "4294967295");
  png.replace(16, 8, "\0\0\0\0\0\0\0\1"s);
  expect_refused<FormatError>(png, "0 x 1 pixels");

  std::string gif = read_file(kFiles + "color.gif");
  gif.replace(6, 4, "\xFF\xFF\xFF\xFF"s);
  expect_refused<ResourceExhausted>(gif, "65535 x 65535 pixels");

  std::string bmp = read_file(kFiles + "color.bmp");
  bmp.replace(18, 8, "\0\0\1\0\0\0\0\x80"s);
  expect_refused<FormatError>(bmp, "x -2147483648 pixels");
  bmp.replace(18, 8, "\0\xFF\0\0\0\xFF\0\0"s);
  expect_refused<ResourceExhausted>(bmp, "65280 x 65280");

  std::string jpeg = read_file(kFiles + "noise.jpg");
  const std::size_t frame = jpeg.find("\xFF\xC0"s);
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xFF\xDC\xFF\xDC");
  expect_refused<ResourceExhausted>(jpeg, "65500 x 65500");
}

/// The bytes of a file that may be gone: marks of the end, but not a JPEG's, and of a PNG a
/// checksum of the pixels.
std::size_t behind_pixels(const std::string& file, const std::string& kind) {
  if (kind == ".gif") return 2;
  if (kind != ".png") return 1;
  const std::size_t data = file.rfind("IDAT");
  std::size_t length = 0;
  for (std::size_t i = 4; i > 0; --i)
    length = length << 8 | static_cast<std::uint8_t>(file[data - i]);
  return file.size() - (data + 4 + length) + 8;
}

/// Every beginning of every file is refused, as far as pixels are missing.
TEST(PictureFile, FilesThatEndTooEarlyAreRefused) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFiles)) {
    const std::string file = read_file(entry.path());
    const std::string kind = entry.path().extension();
    const std::size_t last = behind_pixels(file, kind);
    for (std::size_t cut = last; cut < file.size(); cut += 1 + file.size() / 97) {
      const std::string_view beginning = std::string_view(file).substr(0, file.size() - cut);
      try {
        decode_copy(beginning);
        // Whole frames of an animation that moves on, and rows that runs don't reach.
        EXPECT_TRUE(entry.path().stem() == "moving" || kind == ".bmp")
            << entry.path().filename() << " without " << cut << " bytes";
      } catch (const Error&) {
      }
    }
    ++files;
  }
  EXPECT_GE(files, 80);
}

TEST(PictureFile, DamageIsAnErrorAndNothingElse) {
  for (const auto& entry : std::filesystem::directory_iterator(kFiles)) {
    const std::string file = read_file(entry.path());
    for (std::size_t at = 0; at < file.size(); at += 1 + file.size() / 61) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
      try {
        decode_copy(damaged, {.max_pixels = 1 << 20});
      } catch (const Error&) {
      }
    }
  }
}

/// Each scan goes over the whole picture, however little it holds.
TEST(PictureFile, AJpegOfManyScansIsRefused) {
  const std::string file = read_file(kFiles + "progressive-0.jpg");
  const std::size_t scan = file.rfind("\xFF\xDA"s);
  ASSERT_NE(scan, std::string::npos);
  const std::string last = file.substr(scan, file.size() - 2 - scan);
  const auto with_scans = [&](int count) {
    std::string many = file.substr(0, scan);
    for (int i = 0; i < count; ++i) many += last;
    return many + "\xFF\xD9";
  };
  EXPECT_NO_THROW(decode_picture(bytes(with_scans(50))));
  expect_refused<ResourceExhausted>(with_scans(500), "more than 100 scans");
}

TEST(PictureFile, AJpegOfTwoColorsIsRefused) {
  std::string file = read_file(kFiles + "grey.jpg");
  const std::size_t frame = file.find("\xFF\xC0"s);
  ASSERT_NE(frame, std::string::npos);
  file.replace(frame + 2, 9, "\0\x0E\x08\0\x17\0\x25\2\1"s);
  file.insert(frame + 13, "\2\x11\0"s);
  expect_refused<UnsupportedError>(file, "2 color components");
}

TEST(PictureFile, ABmpSaysWhatIsWrongWithIt) {
  const std::string file = read_file(kFiles + "masks-32.bmp");
  const auto with = [&](std::size_t at, const std::string& bytes) {
    std::string changed = file;
    changed.replace(at, bytes.size(), bytes);
    return changed;
  };
  expect_refused<UnsupportedError>(with(14, "\x10"), "a header of 16 bytes");
  expect_refused<UnsupportedError>(with(28, "\x07"), "7 bits a pixel");
  expect_refused<UnsupportedError>(with(30, "\x05"), "compression 5");
  expect_refused<FormatError>(with(54, "\x05"), "don't stand together");
  expect_refused<FormatError>(file.substr(0, file.size() - 1), "cut off");
}

}  // namespace
}  // namespace sirocco
