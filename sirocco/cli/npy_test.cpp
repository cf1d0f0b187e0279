#include "sirocco/cli/npy.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using namespace std::string_view_literals;

class Npy : public ::testing::Test {
 protected:
  ~Npy() override { std::filesystem::remove(path_); }
  NpyArray read(std::string_view bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return read_npy(path_);
  }
  static std::string file(std::string_view header, std::string_view data, char version = 1) {
    std::string out = "\x93NUMPY";
    out += version;
    out += '\0';
    const auto length = static_cast<std::uint32_t>(header.size());
    for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
      out += static_cast<char>(length >> (8 * i) & 0xFF);
    return out.append(header).append(data);
  }
  static std::string header(std::string_view shape, std::string_view type = "<f4"sv,
                            std::string_view order = "False"sv) {
    return "{'descr': '" + std::string(type) + "', 'fortran_order': " + std::string(order) +
           ", 'shape': " + std::string(shape) + ", }\n";
  }

  const std::filesystem::path path_ = ::testing::TempDir() + "npy_test.npy";
};

constexpr auto kTwo = "\0\0\x80?\0\0\0\xC0"sv;  // 1 and -2

TEST_F(Npy, ReadsWhatNumpyWrites) {
  for (const char version : {'\1', '\2', '\3'}) {
    const NpyArray two = read(file(header("(2,)"), kTwo, version));
    EXPECT_EQ(two.shape, (std::vector<std::int64_t>{2}));
    EXPECT_EQ(two.values, (std::vector<float>{1, -2}));
  }
  EXPECT_EQ(read(file(header("(1, 2, 1)"), kTwo)).shape, (std::vector<std::int64_t>{1, 2, 1}));
  EXPECT_EQ(read(file(header("()"), kTwo.substr(4))).values, (std::vector<float>{-2}));
  EXPECT_EQ(read(file(header("(0, 7)"), "")).values.size(), 0u);
  EXPECT_EQ(read(npy_header(1, 2).append(kTwo)).values, (std::vector<float>{1, -2}));
}

TEST_F(Npy, RefusesTheRest) {
  for (const std::string& bad :
       {std::string("\x93NUMPY"), std::string("PK\x03\x04 and so on and on"),
        file(header("(2,)"), kTwo.substr(1)), file(header("(3,)"), kTwo),
        file(header("(1,)"), kTwo), file(header("(-2,)"), kTwo), file(header("(2"), kTwo),
        file(header("2"), kTwo), file(header("(4294967296, 4294967296, 2)"), kTwo),
        file("{}", kTwo), file(header("(2,)"), kTwo, '\4'),
        std::string("\x93NUMPY\x01\0\xFF\xFF{'descr'", 18)})
    EXPECT_THROW(read(bad), FormatError) << bad;
  EXPECT_THROW(read(file(header("(2,)", "<f8"), kTwo)), UnsupportedError);
  EXPECT_THROW(read(file(header("(2,)", ">f4"), kTwo)), UnsupportedError);
  EXPECT_THROW(read(file(header("(2,)", "<f4", "True"), kTwo)), UnsupportedError);
  EXPECT_THROW(read_npy("/does/not/exist.npy"), NotFound);
}

}  // namespace
}  // namespace sirocco
