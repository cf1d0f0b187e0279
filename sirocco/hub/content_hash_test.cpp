#include "sirocco/hub/content_hash.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/hub_testing.hpp"

namespace sirocco {
namespace {

// The values are those of `sha256sum` and `git hash-object`.
TEST(ContentHash, IsWhatOthersCompute) {
  EXPECT_EQ(hash_of("").text(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("hello\n").text(),
            "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  EXPECT_EQ(hash_of("", ContentHash::Kind::kGitBlob).text(),
            "git:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  EXPECT_EQ(hash_of("hello\n", ContentHash::Kind::kGitBlob).text(),
            "git:ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST(ContentHash, ReadsWhatItWrites) {
  for (const auto kind : {ContentHash::Kind::kSha256, ContentHash::Kind::kGitBlob}) {
    const ContentHash hash = hash_of("x", kind);
    EXPECT_EQ(ContentHash::parse(hash.text()), hash);
  }
  EXPECT_EQ(ContentHash::parse(ContentHash::Kind::kGitBlob, std::string(40, 'A'))->text(),
            "git:" + std::string(40, 'a'));
  for (const char* const text : {"", "sha256:", "sha256:00", "md5:0", "git:"})
    EXPECT_FALSE(ContentHash::parse(text)) << text;
  EXPECT_FALSE(ContentHash::parse(ContentHash::Kind::kSha256, std::string(63, '0') + "g"));
}

TEST(ContentHash, OfAFileIsThatOfItsBytes) {
  const TestFolder folder;
  const auto path = folder.path() / "file";
  const std::string content(3'000'000, 'x');
  std::ofstream(path) << content;
  EXPECT_EQ(hash_of_file(path, ContentHash::Kind::kGitBlob, {}),
            hash_of(content, ContentHash::Kind::kGitBlob));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(hash_of_file(path, ContentHash::Kind::kSha256, stop.get_token()), Cancelled);
  EXPECT_THROW(hash_of_file(folder.path() / "none", ContentHash::Kind::kSha256, {}), IoError);
}

}  // namespace
}  // namespace sirocco
