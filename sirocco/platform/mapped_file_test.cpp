#include "sirocco/platform/mapped_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <type_traits>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using testing::AllOf;
using testing::HasSubstr;

static_assert(std::is_nothrow_move_constructible_v<MappedFile> &&
              !std::is_copy_constructible_v<MappedFile>);

class MappedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "mapped_file_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.size()};
}

template <class E>
std::string message(const std::filesystem::path& path) {
  try {
    const MappedFile file(path);
  } catch (const E& e) {
    return e.what();
  }
  return "opened";
}

TEST_F(MappedFileTest, HoldsTheBytesAndMoves) {
  MappedFile a(write("a", "some bytes"));
  const std::byte* const where = a.bytes().data();
  MappedFile b(std::move(a));
  EXPECT_EQ(b.bytes().data(), where);
  EXPECT_EQ(text_of(b), "some bytes");
  MappedFile c(write("c", "other"));
  c = std::move(b);
  EXPECT_EQ(text_of(c), "some bytes");
  EXPECT_EQ(c.path().filename(), "a");
}

TEST_F(MappedFileTest, ReleasedRangesReadTheSame) {
  std::string content(300'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i % 251);
  const MappedFile file(write("big", content));
  file.prefetch(file.bytes());
  EXPECT_EQ(text_of(file), content);
  for (const std::size_t begin : {std::size_t{0}, std::size_t{1}, std::size_t{4096}}) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{200'000}}) {
      file.release(file.bytes().subspan(begin, size));
      EXPECT_EQ(text_of(file), content);
    }
  }
  file.release(file.bytes());
  EXPECT_EQ(text_of(file), content);
}

TEST_F(MappedFileTest, OutlivesItsName) {
  const auto path = write("gone", "still here");
  const MappedFile file(path);
  std::filesystem::remove(path);
  EXPECT_EQ(text_of(file), "still here");
}

TEST_F(MappedFileTest, SaysWhyAFileCannotBeOpened) {
  EXPECT_THAT(message<NotFound>(folder_ / "none"), AllOf(HasSubstr("none: no such file")));
  EXPECT_THAT(message<NotFound>(write("f", "x") / "below"), HasSubstr("no such file"));
  EXPECT_THAT(message<NotFound>(""), HasSubstr("no such file"));
  EXPECT_THAT(message<InvalidArgument>(folder_), HasSubstr("is a folder"));
  EXPECT_THAT(message<FormatError>(write("empty", "")), HasSubstr("empty: is empty"));
  EXPECT_THAT(message<NotFound>(folder_ / "line\nbreak"), HasSubstr("line\\x0abreak"));
  EXPECT_THAT(message<IoError>(folder_ / std::string(300, 'x')), HasSubstr("can't be read: "));
}

TEST_F(MappedFileTest, DoesNotWaitForAPipe) {
  const auto path = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(message<InvalidArgument>(path), HasSubstr("not a regular file"));
}

TEST_F(MappedFileTest, SaysThatPermissionIsMissing) {
  const auto path = write("secret", "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  if (::geteuid() == 0) {
    // The superuser may read everything: leave that role in a child, whose status is the answer.
    EXPECT_EXIT(
        {
          std::filesystem::permissions(folder_, std::filesystem::perms::all);
          if (::setuid(65534) != 0) ::_exit(2);
          const bool told = message<IoError>(path).find("no permission") != std::string::npos;
          ::_exit(told ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
  } else {
    EXPECT_THAT(message<IoError>(path), HasSubstr("no permission"));
  }
}

}  // namespace
}  // namespace sirocco
