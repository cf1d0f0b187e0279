#include "sirocco/hub/partial_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/hub_testing.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Bytes that tell where they are from.
std::string content(std::uint64_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(i * 31 + i / 251);
  return out;
}

class PartialFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<PartialFile> open(const RepositoryFile& file) {
    return std::make_unique<PartialFile>(data(), record(), file);
  }
  fs::path data() const { return folder_.path() / "files" / "m.gguf"; }
  fs::path record() const { return folder_.path() / "records" / "m.gguf"; }

  /// Writes up to `bytes` of a segment's rest.
  static void append(PartialFile& file, std::size_t index, std::uint64_t bytes,
                     std::string_view from) {
    const PartialFile::Segment segment = file.segment(index);
    const std::string_view piece =
        from.substr(segment.next(), std::min(bytes, segment.end - segment.next()));
    ASSERT_TRUE(file.append(file.beginning(), index, std::as_bytes(std::span(piece))));
  }

  TestFolder folder_;
};

TEST_F(PartialFileTest, IsWholeWhenAllItsSegmentsAre) {
  const std::string all = content(3 * kMebibyte + 5);
  const auto file = open(listed_with("m.gguf", all));
  ASSERT_EQ(file->segments(), 4U);
  for (const std::size_t index : {3, 1, 0, 2}) {
    EXPECT_FALSE(file->is_whole());
    append(*file, index, kMebibyte, all);
  }
  EXPECT_TRUE(file->is_whole());
  EXPECT_EQ(content_of(data()), all);
  EXPECT_FALSE(file->is_checked());
  file->set_checked();
  EXPECT_TRUE(open(listed_with("m.gguf", all))->is_checked());
}

TEST_F(PartialFileTest, GoesOnWhereItWasLeft) {
  const std::string all = content(2 * kMebibyte);
  const RepositoryFile what = listed_with("m.gguf", all);
  {
    const auto file = open(what);
    file->set_tag("\"x\"");
    append(*file, 1, 1000, all);
  }
  {
    const auto file = open(what);
    EXPECT_EQ(file->tag(), "\"x\"");
    EXPECT_EQ(file->bytes_there(), 1000U);
    EXPECT_EQ(file->segment(1).next(), kMebibyte + 1000);
    file->start_anew(true);
    EXPECT_EQ(file->segments(), 1U);
    EXPECT_EQ(file->tag(), "");
    append(*file, 0, 5000, all);
  }
  EXPECT_EQ(open(what)->segments(), 1U);
  EXPECT_EQ(open(what)->bytes_there(), 5000U);
  // Another content under the same name.
  EXPECT_EQ(open(listed_with("m.gguf", content(2 * kMebibyte - 1)))->bytes_there(), 0U);
  EXPECT_EQ(fs::file_size(data()), 0U);
}

TEST_F(PartialFileTest, TakesNothingOfAnEarlierBeginning) {
  const std::string all = content(2 * kMebibyte);
  const auto file = open(listed_with("m.gguf", all));
  const int before = file->beginning();
  file->start_anew(true);
  EXPECT_FALSE(file->segment(before, 1));
  EXPECT_FALSE(file->append(before, 1, std::as_bytes(std::span(all).first(10))));
  EXPECT_EQ(file->bytes_there(), 0U);
}

TEST_F(PartialFileTest, IsChecksOnlyWhereTheDataAreThere) {
  const std::string all = content(kMebibyte);
  const RepositoryFile what = listed_with("m.gguf", all);
  {
    const auto file = open(what);
    append(*file, 0, kMebibyte, all);
    file->set_checked();
  }
  fs::resize_file(data(), kMebibyte - 1);
  EXPECT_FALSE(open(what)->is_checked());
  EXPECT_EQ(open(what)->bytes_there(), 0U);
}

TEST_F(PartialFileTest, IsCheckedAtItsSizeOnly) {
  const std::string all = content(kMebibyte);
  const RepositoryFile what = listed_with("m.gguf", all);
  {
    const auto file = open(what);
    append(*file, 0, kMebibyte, all);
    file->set_checked();
  }
  fs::resize_file(data(), kMebibyte + 1);
  EXPECT_FALSE(open(what)->is_checked());
}

TEST_F(PartialFileTest, CountsNoBytesThatAreNotThere) {
  const std::string all = content(2 * kMebibyte);
  const RepositoryFile what = listed_with("m.gguf", all);
  append(*open(what), 1, 1000, all);
  fs::resize_file(data(), kMebibyte + 999);
  EXPECT_EQ(open(what)->bytes_there(), 0U);
}

TEST_F(PartialFileTest, KeepsTagsThatItCanWrite) {
  const RepositoryFile what = listed_with("m.gguf", content(10));
  for (const std::string& tag : {std::string("\"a\nb\""), std::string(201, 'a')}) {
    const auto file = open(what);
    file->set_tag("\"x\"");
    file->set_tag(tag);
    EXPECT_EQ(file->tag(), "");
    EXPECT_EQ(open(what)->tag(), "");
  }
  open(what)->set_tag(std::string(200, 'a'));
  EXPECT_EQ(open(what)->tag(), std::string(200, 'a'));
}

TEST_F(PartialFileTest, OfNoBytesIsWhole) {
  const auto file = open(listed_with("m.gguf", ""));
  EXPECT_EQ(file->segments(), 0U);
  EXPECT_TRUE(file->is_whole());
}

TEST_F(PartialFileTest, IsNoLinkToAnotherFile) {
  std::ofstream(folder_.path() / "precious") << "precious";
  fs::create_directories(data().parent_path());
  fs::create_symlink(folder_.path() / "precious", data());
  EXPECT_THROW(open(listed_with("m.gguf", "x")), IoError);
  EXPECT_EQ(content_of(folder_.path() / "precious"), "precious");
}

TEST_F(PartialFileTest, AnyRecordIsReadOrBegunAnew) {
  const std::string all = content(3 * kMebibyte);
  const RepositoryFile what = listed_with("m.gguf", all);
  {
    const auto file = open(what);
    file->set_tag("\"x\"");
    append(*file, 0, 70'000, all);
    append(*file, 2, 70'000, all);
  }
  const std::string good = content_of(record());
  const std::string written = content_of(data());
  rc::check("damaged records", [&] {
    std::string damaged = good;
    const auto changes = *rc::gen::inRange(0, 5);
    for (int i = 0; i < changes; ++i)
      damaged[*rc::gen::inRange<std::size_t>(0, damaged.size())] = *rc::gen::arbitrary<char>();
    damaged.resize(
        *rc::gen::element(damaged.size(), damaged.size() - 1, std::size_t{511}, std::size_t{0}));
    std::ofstream(record(), std::ios::binary) << damaged;
    std::ofstream(data(), std::ios::binary) << written;
    const auto file = open(what);
    std::uint64_t there = 0;
    for (std::size_t i = 0; i < file->segments(); ++i) {
      const PartialFile::Segment segment = file->segment(i);
      RC_ASSERT(segment.next() <= segment.end);
      there += segment.done;
    }
    RC_ASSERT(there == file->bytes_there());
    RC_ASSERT(there <= all.size());
    for (std::size_t i = 0; i < file->segments(); ++i) append(*file, i, 3 * kMebibyte, all);
    RC_ASSERT(file->is_whole());
  });
}

}  // namespace
}  // namespace sirocco
