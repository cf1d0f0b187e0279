#include "sirocco/platform/atomic_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class AtomicFileTest : public ::testing::Test {
 protected:
  AtomicFileTest() {
    std::string pattern = (fs::temp_directory_path() / "sirocco_atomic_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~AtomicFileTest() override { fs::remove_all(folder_); }

  std::string text_of(const fs::path& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const fs::path& file, std::string_view text) const { std::ofstream(file) << text; }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      out.push_back(entry.path().filename().string());
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  static mode_t mode_of(const fs::path& file) {
    struct stat status {};
    stat(file.c_str(), &status);
    return status.st_mode & 07777;
  }

  fs::path folder_;
};

std::string failure_of(auto&& action) {
  try {
    action();
  } catch (const IoError& e) {
    return e.what();
  }
  return "(nothing was thrown)";
}

std::string failure_to_open(const fs::path& path) {
  return failure_of([&] { AtomicFile file(path); });
}

TEST_F(AtomicFileTest, AppearsWholeOnCommit) {
  const fs::path path = folder_ / "answer.npy";
  {
    AtomicFile file(path);
    file.write("first ");
    EXPECT_FALSE(fs::exists(path));
    file.write("second");
    file.commit();
    EXPECT_EQ(text_of(path), "first second");
  }
  EXPECT_EQ(text_of(path), "first second");
  EXPECT_EQ(names(), std::vector<std::string>{"answer.npy"});
}

TEST_F(AtomicFileTest, LeavesEverythingAsItWasWithoutCommit) {
  const fs::path old = folder_ / "old";
  put(old, "old text");
  {
    AtomicFile replaced(old);
    replaced.write("new");
    AtomicFile fresh(folder_ / "fresh");
    fresh.write("new");
  }
  EXPECT_EQ(text_of(old), "old text");
  EXPECT_EQ(names(), std::vector<std::string>{"old"});
}

TEST_F(AtomicFileTest, ReplacesAndKeepsPermissions) {
  const fs::path path = folder_ / "chat.json";
  put(path, "a much longer old text");
  fs::permissions(path, fs::perms{0640});
  AtomicFile file(path);
  file.write("new");
  file.commit();
  EXPECT_EQ(text_of(path), "new");
  EXPECT_EQ(mode_of(path), 0640u);
}

TEST_F(AtomicFileTest, ANewFileObeysTheUmask) {
  const mode_t before = umask(0027);
  AtomicFile file(folder_ / "new");
  file.commit();
  umask(before);
  EXPECT_EQ(mode_of(folder_ / "new"), 0640u);
}

TEST_F(AtomicFileTest, ReplacesWhatALinkPointsTo) {
  fs::create_directory(folder_ / "sub");
  put(folder_ / "sub" / "real", "old");
  fs::create_symlink("sub/real", folder_ / "link");
  fs::create_symlink("sub/missing", folder_ / "dangling");
  for (const char* name : {"link", "dangling"}) {
    AtomicFile file(folder_ / name);
    file.write("new");
    file.commit();
    EXPECT_TRUE(fs::is_symlink(folder_ / name));
  }
  EXPECT_EQ(text_of(folder_ / "sub" / "real"), "new");
  EXPECT_EQ(text_of(folder_ / "sub" / "missing"), "new");
}

TEST_F(AtomicFileTest, WritesToADeviceWithoutReplacingIt) {
  AtomicFile file("/dev/null");
  file.write("gone");
  file.commit();
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(AtomicFileTest, WritesIntoAPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    AtomicFile file("/proc/self/fd/" + std::to_string(ends[1]));
    file.write("through");
    file.commit();
  }
  close(ends[1]);
  char text[16] = {};
  EXPECT_EQ(read(ends[0], text, sizeof text), 7);
  EXPECT_STREQ(text, "through");
  close(ends[0]);
}

TEST_F(AtomicFileTest, AcceptsALongName) {
  const std::string name(255, 'n');
  AtomicFile file(folder_ / name);
  file.write("x");
  file.commit();
  EXPECT_EQ(names(), std::vector<std::string>{name});
  EXPECT_THAT(failure_to_open(folder_ / (name + "n")), EndsWith("the name is too long"));
}

TEST_F(AtomicFileTest, SaysWhyItCannotWrite) {
  EXPECT_EQ(failure_to_open(folder_ / "missing" / "file"),
            "can't write " + sirocco::quoted((folder_ / "missing" / "file").native()) +
                ": its folder does not exist; create it first");
  EXPECT_THAT(failure_to_open(folder_), EndsWith("it is a folder; give the name of a file"));
  EXPECT_THAT(failure_to_open(folder_ / ""), EndsWith("it is a folder; give the name of a file"));
  EXPECT_THAT(failure_to_open(""), HasSubstr("can't write ''"));
  put(folder_ / "plain", "");
  EXPECT_THAT(failure_to_open(folder_ / "plain" / "file"),
              EndsWith("a part of the path is not a folder"));
  fs::create_symlink("b", folder_ / "a");
  fs::create_symlink("a", folder_ / "b");
  EXPECT_THAT(failure_to_open(folder_ / "a"), HasSubstr("symbolic links"));
  EXPECT_THAT(failure_to_open(folder_ / "missing" / "x\ny"), HasSubstr("x\\x0ay"));
}

TEST_F(AtomicFileTest, SaysThatTheDiskIsFull) {
  if (!fs::exists("/dev/full")) return;
  AtomicFile file("/dev/full");
  EXPECT_EQ(failure_of([&] { file.write("text"); }),
            "can't write '/dev/full': the disk is full; free some space or write elsewhere");
}

TEST_F(AtomicFileTest, AFailureHalfWayLeavesNoPartialFile) {
  const fs::path path = folder_ / "kept";
  put(path, "kept");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  struct sigaction ignore {
  }, handler{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &ignore, &handler);
  const rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  {
    AtomicFile file(path);
    message = failure_of([&] { file.write(std::string(10000, 'x')); });
  }
  setrlimit(RLIMIT_FSIZE, &before);
  sigaction(SIGXFSZ, &handler, nullptr);
  EXPECT_THAT(message, EndsWith("it is larger than this process or file system may write"));
  EXPECT_EQ(text_of(path), "kept");
  EXPECT_EQ(names(), std::vector<std::string>{"kept"});
}

TEST_F(AtomicFileTest, ObeysPermissions) {
  const fs::path locked = folder_ / "locked";
  fs::create_directory(locked);
  put(folder_ / "read_only", "text");
  fs::permissions(folder_ / "read_only", fs::perms{0444});
  fs::permissions(locked, fs::perms{0555});
  // For root, permissions don't hold: whatever the system says of access is what must come out.
  const bool folder_open = access(locked.c_str(), W_OK) == 0;
  const bool file_open = access((folder_ / "read_only").c_str(), W_OK) == 0;
  const std::string in_folder = failure_to_open(locked / "file");
  const std::string on_file = failure_to_open(folder_ / "read_only");
  if (folder_open) {
    EXPECT_EQ(in_folder, "(nothing was thrown)");
  } else {
    EXPECT_THAT(in_folder, EndsWith("no permission"));
  }
  if (file_open) {
    EXPECT_EQ(on_file, "(nothing was thrown)");
  } else {
    EXPECT_THAT(on_file, EndsWith("no permission"));
  }
  fs::permissions(locked, fs::perms{0755});
}

}  // namespace
}  // namespace sirocco
