#include "sirocco/hub/hub_name.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;

/// Texts in which everything that separates is frequent.
std::string any_text(std::size_t longest = 20) {
  static const std::vector<std::string> kPieces = {
      "a", "B",  "7",  "-", "_",    ".", "..", "/",  "//",   "\\", ":",         "@",  "~",
      "^", "\n", "\0", " ", "main", "ä", "%",  "C:", "\xff", "*",  "refs/pr/1", "Q4", "--"};
  std::string out;
  const auto count = *rc::gen::inRange<std::size_t>(0, longest);
  for (std::size_t i = 0; i < count; ++i) out += *rc::gen::elementOf(kPieces);
  return out;
}

TEST(HubName, HasItsParts) {
  const auto name = HubName::parse("ann/tiny.v2-GGUF:Q4_K_M@v1.0");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->repository(), "ann/tiny.v2-GGUF");
  EXPECT_EQ(name->organization(), "ann");
  EXPECT_EQ(name->what(), "Q4_K_M");
  EXPECT_EQ(name->revision(), "v1.0");
  EXPECT_EQ(HubName::parse("a/b@refs/pr/1:x/y.gguf")->text(), "a/b:x/y.gguf@refs/pr/1");
  EXPECT_EQ(HubName::parse("a/b")->revision(), std::nullopt);
  EXPECT_EQ(HubName::parse("a/b")->with_revision("v2").text(), "a/b@v2");
}

TEST(HubName, IsNothingElse) {
  for (const char* const text :
       {"",         "a",        "/",      "a/",     "/b",      "a/b/c", "./b",     "../b",
        "a/..",     "a/.b",     "a/b.",   "a b/c",  "a/b:",    "a/b@",  "a/b:x:y", "a/b@x@y",
        "a/b:../x", "a/b:/x",   "a/b@..", "a/b@-x", "a/b@x y", "~/b",   "C:/b",    "a\\b",
        "a--b/c",   "a/b@x..y", "a/\xff", "a/b..c", "a..b/c"})
    EXPECT_FALSE(HubName::parse(text)) << text;
  EXPECT_FALSE(HubName::parse("a/" + std::string(97, 'b')));
  EXPECT_THROW(HubName::parse("a/b")->with_revision("../x"), InvalidArgument);
}

RC_GTEST_PROP(AnyHubName, ReadsWhatItWritesAndStaysBelowItsFolder, ()) {
  const std::string text = any_text();
  const auto name = HubName::parse(text);
  RC_CLASSIFY(name.has_value());
  if (!name) return;
  RC_ASSERT(HubName::parse(name->text())->text() == name->text());
  const fs::path below = fs::path("store") / name->repository();
  RC_ASSERT(below.lexically_normal() == below);
  RC_ASSERT(below.parent_path().parent_path() == "store");
}

TEST(RepositoryPath, IsRelativeAndPlain) {
  for (const char* const text :
       {"a", "a.gguf", "x/y/z.json", "ü/ö", "a b", "1_Pooling/config.json"})
    EXPECT_TRUE(RepositoryPath::parse(text)) << text;
  for (const char* const text : {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", ".a",
                                 "a/.b", "a\\b", "C:a", "a\nb", "\x7f", "\xff", "\xc2\x85"})
    EXPECT_FALSE(RepositoryPath::parse(text)) << text;
  EXPECT_FALSE(RepositoryPath::parse(std::string("a\0b", 3)));
  EXPECT_FALSE(RepositoryPath::parse(std::string(201, 'a')));
  EXPECT_FALSE(RepositoryPath::parse("a/b/c/d/e/f/g/h/i"));
  EXPECT_EQ(RepositoryPath::parse("x/y.gguf")->file_name(), "y.gguf");
  EXPECT_EQ(RepositoryPath::parse("y.gguf")->file_name(), "y.gguf");
}

RC_GTEST_PROP(AnyRepositoryPath, StaysBelowItsFolder, ()) {
  const std::string text = any_text();
  const auto path = RepositoryPath::parse(text);
  RC_CLASSIFY(path.has_value());
  if (!path) return;
  RC_ASSERT(path->text() == text);
  const fs::path below = fs::path("folder") / path->text();
  RC_ASSERT(below.lexically_normal() == below);
  RC_ASSERT(*below.begin() == "folder");
  for (const fs::path& part : below) RC_ASSERT(part != ".." && !part.empty());
}

}  // namespace
}  // namespace sirocco
