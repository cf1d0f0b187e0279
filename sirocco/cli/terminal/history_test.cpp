#include "sirocco/cli/terminal/history.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace sirocco {
namespace {

class HistoryFile : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      ("history_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
       testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::path path_ = folder_ / "deeper" / "history";

  std::string content() const {
    std::ostringstream out;
    out << std::ifstream(path_).rdbuf();
    return out.str();
  }
  void write(const std::string& text) const {
    std::filesystem::create_directories(path_.parent_path());
    std::ofstream(path_) << text;
  }
  std::vector<std::string> entries() const {
    const History history(path_);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < history.size(); ++i) out.push_back(history[i]);
    return out;
  }
};

TEST_F(HistoryFile, KeepsMessagesOfSeveralLines) {
  const std::vector<std::string> messages = {
      "one", "one\ntwo\n\n three", "C:\\dir\\", "a\\\nb\\\\\nc", "\nx\n", "\\", "日本\t🙂"};
  {
    History history(path_);
    for (const std::string& message : messages) history.add(message);
    EXPECT_EQ(history.size(), messages.size());
  }
  EXPECT_EQ(entries(), messages);
  EXPECT_TRUE(content().starts_with("one\none\\\ntwo\\\n\\\n three\n")) << content();
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions(), perms::owner_read | perms::owner_write);
}

TEST_F(HistoryFile, PassesOverWhatIsNoUse) {
  History history(path_);
  history.add("a");
  history.add("a");
  history.add(" \t\n");
  history.add("");
  history.add("steers\x1b[2J");
  history.add(std::string(std::size_t{1} << 17, 'x'));
  EXPECT_EQ(history.size(), 3u);
  EXPECT_EQ(content(), "a\n");
}

TEST_F(HistoryFile, ReadsWhatIsThere) {
  write("old line\ncontinued\\\nby hand\nbad \x1b[2J\n\n  \nlast without an end");
  EXPECT_EQ(entries(),
            (std::vector<std::string>{"old line", "continued\nby hand", "last without an end"}));
  write("cut\\\n");
  EXPECT_EQ(entries(), std::vector<std::string>{"cut"});
}

TEST_F(HistoryFile, LongFilesAreCut) {
  std::string text;
  for (int i = 0; i < 1500; ++i) text += std::to_string(i) + std::string(1000, 'x') + "\n";
  write(text);
  const std::vector<std::string> kept = entries();
  EXPECT_EQ(kept.size(), 1000u);
  EXPECT_TRUE(kept.back().starts_with("1499x"));
  EXPECT_LT(content().size(), std::size_t{1} << 20);
  EXPECT_TRUE(content().ends_with(kept.back() + "\n"));
}

TEST(History, WorksWithoutAFile) {
  History history("/dev/null/no/history");
  history.add("a");
  EXPECT_EQ(history.size(), 1u);
}

}  // namespace
}  // namespace sirocco
