#include "sirocco/hub/pull.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/hub_testing.hpp"

namespace sirocco {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Listener final : public PullObserver {
 public:
  void note(const std::string& line) override { notes.push_back(line); }
  void begins(const std::string& /*name*/, const ModelFiles& /*model*/,
              std::uint64_t bytes) override {
    begun.push_back(bytes);
  }
  void progress(std::uint64_t bytes, std::uint64_t of) override {
    EXPECT_LE(bytes, of);
    last = bytes;
  }
  void choices(std::span<const ModelFiles> models) override { offered = models.size(); }

  std::vector<std::string> notes;
  std::vector<std::uint64_t> begun;
  std::uint64_t last = 0;
  std::size_t offered = 0;
};

/// A hub with one repository, in memory, on a clock that costs no time.
class PullTest : public ::testing::Test {
 protected:
  PullTest() {
    shared_.answer = [this](const FakeRequest& request) { return answer(request); };
  }

  Pulled pull_it(const std::string& name = "ann/tiny", const PullOptions& options = {}) {
    return pull(*HubName::parse(name), store_, connection_, options, listener_, {});
  }

  FakeAnswer answer(const FakeRequest& request) {
    if (request.url.find("/revision/") != std::string::npos)
      return {200, {}, Json{{"sha", commit_}}.dump(), ""};
    if (request.url.find("/tree/") != std::string::npos) {
      Json list = Json::array();
      for (const auto& [path, content] : files_) {
        list.push_back(
            {{"type", "file"},
             {"path", path},
             {"size", 1},
             {"lfs", {{"oid", hash_of(content).text().substr(7)}, {"size", content.size()}}}});
      }
      return {200, {}, list.dump(), ""};
    }
    const std::string path = request.url.substr(request.url.rfind(commit_) + commit_.size() + 1);
    return serve(request, path);
  }

  FakeAnswer serve(const FakeRequest& request, const std::string& path) {
    const std::string& content = files_.at(path);
    if (fault_) {
      if (std::optional<FakeAnswer> fault = fault_(request, content)) return *fault;
    }
    return whole_or_part(request, content);
  }

  static FakeAnswer whole_or_part(const FakeRequest& request, const std::string& content) {
    const std::string range = request.header("Range");
    if (range.empty()) return {200, {}, content, ""};
    std::size_t first = 0;
    std::size_t last = 0;
    const char* const end = range.data() + range.size();
    const auto dash = std::from_chars(range.data() + 6, end, first).ptr;
    std::from_chars(dash + 1, end, last);
    return {206,
            {{"Content-Range", fmt::format("bytes {}-{}/{}", first, last, content.size())},
             {"ETag", "\"t\""}},
            content.substr(first, last - first + 1),
            ""};
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const StoredModel& model : store_.list()) out.push_back(model.name);
    return out;
  }

  std::string commit_ = std::string(40, 'c');
  std::map<std::string, std::string> files_ = {{"m-Q4_K_M.gguf", std::string(3'000'000, 'x')}};
  std::function<std::optional<FakeAnswer>(const FakeRequest&, const std::string&)> fault_;
  TestFolder folder_;
  ModelStore store_{folder_.path() / "models"};
  FakeClock clock_;
  FakeTransport::Shared shared_;
  const HubAddress hub_{Url::parse("https://hub.example", "test"), "", ""};
  const HubConnection connection_{hub_, [this] { return std::make_unique<FakeTransport>(shared_); },
                                  clock_};
  Listener listener_;
};

TEST_F(PullTest, BringsAModelIntoTheStore) {
  const Pulled pulled = pull_it();
  EXPECT_EQ(pulled.name, "ann/tiny:Q4_K_M");
  EXPECT_EQ(pulled.fetched, 3'000'000U);
  EXPECT_EQ(content_of(pulled.path), files_["m-Q4_K_M.gguf"]);
  EXPECT_EQ(listener_.last, 3'000'000U);
  EXPECT_THAT(names(), ElementsAre("ann/tiny"));
  const auto found = store_.find(*HubName::parse("ann/tiny:q4_k_m"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, pulled.path);
  EXPECT_EQ(found->date, "2023-11-14T22:13:20Z");
  EXPECT_FALSE(store_.find(*HubName::parse("ann/tiny:Q8_0")));
  EXPECT_FALSE(store_.find(*HubName::parse("ann/other")));
  EXPECT_TRUE(store_.find(*HubName::parse("ann/tiny@ccccccc")));
  EXPECT_FALSE(store_.find(*HubName::parse("ann/tiny@cccccc")));
  EXPECT_FALSE(store_.find(*HubName::parse("ann/tiny@v1")));
  EXPECT_TRUE(pull_it().was_there);
}

TEST_F(PullTest, GoesOnAfterEveryKindOfSetback) {
  int times = 0;
  fault_ = [&](const FakeRequest& request,
               const std::string& content) -> std::optional<FakeAnswer> {
    FakeAnswer good = whole_or_part(request, content);
    switch (++times) {
      case 1:
        return FakeAnswer{503, {{"Retry-After", "3"}}, "", ""};
      case 2:
        return FakeAnswer{0, {}, "", "no connection"};
      case 3:  // cut
        good.body.resize(good.body.size() / 2);
        good.cut = "it broke off";
        return good;
      case 4:  // ended early, as if that were all
        good.body.resize(good.body.size() / 2);
        return good;
      case 5:  // a part that wasn't asked for
        good.headers[0].value = "bytes 7-8/3000000";
        return good;
      case 6:  // no part that can be known as one
        good.headers.clear();
        return good;
      default:
        return std::nullopt;
    }
  };
  EXPECT_EQ(content_of(pull_it().path), files_["m-Q4_K_M.gguf"]);
  EXPECT_GE(listener_.notes.size(), 6U);
  EXPECT_EQ(clock_.waits().front(), std::chrono::seconds(3));
}

TEST_F(PullTest, BeginsAnewWhereAServerGivesNoParts) {
  int times = 0;
  fault_ = [&](const FakeRequest& request, const std::string& content) {
    // At first it does.
    if (++times <= 2) return std::optional(whole_or_part(request, content));
    return std::optional(FakeAnswer{200, {}, content, ""});
  };
  EXPECT_EQ(content_of(pull_it().path), files_["m-Q4_K_M.gguf"]);
}

TEST_F(PullTest, ThrowsAwayWhatIsWrongAndTriesOnceMore) {
  int wrong = 3;  // each part of the first copy
  fault_ = [&](const FakeRequest& request,
               const std::string& content) -> std::optional<FakeAnswer> {
    if (wrong-- <= 0) return std::nullopt;
    return whole_or_part(request, std::string(content.size(), 'y'));
  };
  EXPECT_EQ(content_of(pull_it().path), files_["m-Q4_K_M.gguf"]);
  EXPECT_THAT(listener_.notes, ElementsAre(HasSubstr("thrown away and fetched once more")));
  wrong = 6;  // each part of two copies
  EXPECT_THROW(pull_it("ann/tiny", {.force = true}), FormatError);
  EXPECT_THAT(names(), ElementsAre("ann/tiny"));
}

TEST_F(PullTest, TakesNoOtherPartThanItAskedFor) {
  int times = 0;
  fault_ = [&](const FakeRequest& request,
               const std::string& content) -> std::optional<FakeAnswer> {
    if (++times > 1) return std::nullopt;
    FakeAnswer more = whole_or_part(request, content);
    more.headers[0].value = fmt::format("bytes 0-{}/{}", more.body.size(), content.size());
    more.body += 'x';
    return more;
  };
  EXPECT_EQ(content_of(pull_it().path), files_["m-Q4_K_M.gguf"]);
  EXPECT_THAT(listener_.notes, ElementsAre(HasSubstr("another part of the file")));
}

TEST_F(PullTest, AFileThatTheServerHasShorterIsFetchedOnceMore) {
  int times = 0;
  fault_ = [&](const FakeRequest&, const std::string&) -> std::optional<FakeAnswer> {
    if (++times > 1) return std::nullopt;
    return FakeAnswer{416, {}, "", ""};
  };
  EXPECT_EQ(content_of(pull_it().path), files_["m-Q4_K_M.gguf"]);
  EXPECT_THAT(listener_.notes,
              ElementsAre(HasSubstr("shorter than the hub lists it; it is thrown away")));
}

TEST_F(PullTest, BeginsNothingForWhichThereIsNoRoom) {
  shared_.answer = [this](const FakeRequest& request) {
    if (request.url.find("/tree/") == std::string::npos) return answer(request);
    const Json file = {{"type", "file"},
                       {"path", "m-Q4_K_M.gguf"},
                       {"lfs", {{"oid", std::string(64, 'a')}, {"size", std::uint64_t{1} << 43}}}};
    return FakeAnswer{200, {}, Json::array({file}).dump(), ""};
  };
  EXPECT_THROW(pull_it(), IoError);
  EXPECT_THAT(listener_.begun, IsEmpty());
  EXPECT_EQ(shared_.requests.size(), 2U);
}

TEST_F(PullTest, NamesMayBeLong) {
  const std::string path = std::string(150, 'a') + "/" + std::string(150, 'b') + "-Q4_0.gguf";
  files_ = {{path, "x"}};
  EXPECT_EQ(content_of(pull_it().path), "x");
  EXPECT_TRUE(pull_it().was_there);
  EXPECT_EQ(store_.remove("ann/tiny").bytes, 1U);
}

TEST_F(PullTest, WhatARepositoryHasNoMoreIsNotPublished) {
  files_ = {{"config.json", "{}"},
            {"merges.txt", "a b"},
            {"model.safetensors", std::string(2'000'000, 'w')},
            {"tokenizer.json", "t"}};
  fault_ = [&](const FakeRequest& request, const std::string&) -> std::optional<FakeAnswer> {
    if (request.url.ends_with("tokenizer.json")) return FakeAnswer{404, {}, "", ""};
    return std::nullopt;
  };
  EXPECT_THROW(pull_it(), NotFound);
  fault_ = nullptr;
  files_.erase("merges.txt");
  const fs::path folder = pull_it().path;
  EXPECT_TRUE(fs::exists(folder / "tokenizer.json"));
  EXPECT_FALSE(fs::exists(folder / "merges.txt"));
}

TEST_F(PullTest, EndsAtTheFirstFailureAndKeepsTheRest) {
  files_ = {{"config.json", "{}"},
            {"model.safetensors", std::string(2'000'000, 'w')},
            {"tokenizer.json", std::string(5000, 't')}};
  fault_ = [&](const FakeRequest& request, const std::string&) -> std::optional<FakeAnswer> {
    if (request.url.ends_with("tokenizer.json")) return FakeAnswer{404, {}, "", ""};
    return std::nullopt;
  };
  EXPECT_THROW(pull_it(), NotFound);
  EXPECT_THAT(names(), IsEmpty());
  fault_ = nullptr;
  const Pulled pulled = pull_it();
  EXPECT_LE(pulled.fetched, 2'005'002U);
  EXPECT_TRUE(fs::is_directory(pulled.path));
  EXPECT_EQ(pulled.model.selector, "safetensors");
}

TEST_F(PullTest, IsEndedByAStop) {
  std::stop_source stop;
  fault_ = [&](const FakeRequest&, const std::string&) -> std::optional<FakeAnswer> {
    stop.request_stop();
    return FakeAnswer{503, {}, "", ""};
  };
  EXPECT_THROW(
      pull(*HubName::parse("ann/tiny"), store_, connection_, {}, listener_, stop.get_token()),
      Cancelled);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(PullTest, WaitsForAnother) {
  const HubName name = *HubName::parse("ann/tiny");
  {
    const auto lock = store_.try_lock(name);
    ASSERT_TRUE(lock);
    EXPECT_FALSE(store_.try_lock(name));
    EXPECT_TRUE(store_.try_lock(*HubName::parse("ann/other")));
    EXPECT_THROW(store_.remove("ann/tiny"), IoError);
    // A stop ends the wait.
    std::stop_source stop;
    stop.request_stop();
    EXPECT_THROW(pull(name, store_, connection_, {}, listener_, stop.get_token()), Cancelled);
    EXPECT_THAT(listener_.notes, ElementsAre(HasSubstr("another pull of ann/tiny is at work")));
  }
  EXPECT_FALSE(pull_it().was_there);
}

TEST_F(PullTest, OffersWhatAPersonHasToChooseFrom) {
  files_ = {{"a-Q4_0.gguf", "a"}, {"b-Q4_0.gguf", "b"}};
  EXPECT_THROW(pull_it(), InvalidArgument);
  EXPECT_EQ(listener_.offered, 2U);
}

TEST_F(PullTest, WhatWasMovedButNotDescribedIsFoundAgain) {
  // The description can't be written: its place leads to a folder that isn't there.
  const fs::path kept = store_.root() / "ann/tiny/m-Q4_K_M.gguf";
  fs::create_directories(kept);
  fs::create_symlink(folder_.path() / "nowhere/x", kept / "model.json");
  EXPECT_THROW(pull_it(), IoError);
  EXPECT_TRUE(fs::exists(kept / commit_ / "m-Q4_K_M.gguf"));
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_FALSE(store_.find(*HubName::parse("ann/tiny")));
  fs::remove(kept / "model.json");
  fault_ = [](const FakeRequest&, const std::string&) {
    ADD_FAILURE() << "fetched a second time";
    return std::nullopt;
  };
  EXPECT_EQ(pull_it().fetched, 0U);
  EXPECT_THAT(names(), ElementsAre("ann/tiny"));
}

TEST_F(PullTest, AModelIsReplacedByItsNextRevision) {
  const fs::path first = pull_it().path;
  commit_ = std::string(40, 'd');
  files_["m-Q4_K_M.gguf"] = std::string(2'000'000, 'z');
  const Pulled second = pull_it();
  EXPECT_FALSE(fs::exists(first));
  EXPECT_EQ(content_of(second.path), files_["m-Q4_K_M.gguf"]);
  EXPECT_EQ(store_.list().at(0).commit, commit_);
  // Of a commit that changes other files, only the name is new.
  commit_ = std::string(40, 'e');
  files_["README.md"] = "new";
  EXPECT_EQ(pull_it().path, second.path);
  EXPECT_EQ(store_.list().at(0).commit, commit_);
}

TEST_F(PullTest, OtherBytesOfTheSameSizeAreFetched) {
  pull_it();
  commit_ = std::string(40, 'd');
  files_["m-Q4_K_M.gguf"] = std::string(3'000'000, 'z');
  const Pulled second = pull_it();
  EXPECT_FALSE(second.was_there);
  EXPECT_EQ(content_of(second.path), files_["m-Q4_K_M.gguf"]);
}

TEST_F(PullTest, WhatIsNotWholeIsNoModel) {
  const fs::path path = pull_it().path;
  fs::resize_file(path, 2'999'999);
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_FALSE(store_.find(*HubName::parse("ann/tiny")));
  EXPECT_EQ(content_of(pull_it().path), files_["m-Q4_K_M.gguf"]);
}

TEST_F(PullTest, ADescriptionOfAnotherVersionIsNoModel) {
  const fs::path description = pull_it().path.parent_path().parent_path() / "model.json";
  Json json = Json::parse(content_of(description));
  json["version"] = 2;
  std::ofstream(description) << json;
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(PullTest, ModelsThatAPersonPutThereAreListedAndRemoved) {
  pull_it();
  const auto put = [&](const fs::path& path) {
    fs::create_directories((store_.root() / path).parent_path());
    std::ofstream(store_.root() / path) << "x";
  };
  for (const char* const path :
       {"own-Q8_0.gguf", ".hidden-Q8_0.gguf", "mine/config.json", "mine/model.safetensors",
        ".mine/config.json", ".mine/model.safetensors", "notes.txt"})
    put(path);
  EXPECT_THAT(names(), ElementsAre("ann/tiny", "mine", "own-Q8_0.gguf"));
  EXPECT_EQ(store_.remove("own-Q8_0").bytes, 1U);
  EXPECT_THAT(names(), ElementsAre("ann/tiny", "mine"));
  EXPECT_TRUE(fs::exists(store_.root() / ".hidden-Q8_0.gguf"));
}

TEST_F(PullTest, RemovesAllOfIt) {
  pull_it();
  EXPECT_THROW(store_.remove("ann/tiny:Q8_0"), NotFound);
  EXPECT_THROW(store_.remove("ann/tiny@v1"), NotFound);
  EXPECT_THROW(store_.remove("../models"), NotFound);
  EXPECT_EQ(store_.remove("ann/tiny").bytes, 3'000'000U);
  EXPECT_FALSE(fs::exists(store_.root() / "ann"));
  EXPECT_THROW(store_.remove("ann/tiny"), NotFound);
}

TEST_F(PullTest, WhatIsUnfinishedCanBeRemoved) {
  fault_ = [](const FakeRequest& request, const std::string& content) -> std::optional<FakeAnswer> {
    if (!request.header("Range").starts_with("bytes=0-")) return FakeAnswer{404, {}, "", ""};
    return whole_or_part(request, content);
  };
  EXPECT_THROW(pull_it(), NotFound);
  EXPECT_GE(store_.remove("ann/tiny").bytes, 1U << 20);
  EXPECT_THROW(store_.remove("ann/tiny"), NotFound);
}

TEST_F(PullTest, AnyDescriptionIsReadOrIgnored) {
  const fs::path path = pull_it().path;
  const fs::path description = path.parent_path().parent_path() / "model.json";
  const std::string good = content_of(description);
  rc::check("damaged descriptions", [&] {
    std::string damaged = good;
    const auto changes = *rc::gen::inRange(1, 5);
    for (int i = 0; i < changes; ++i) {
      damaged[*rc::gen::inRange<std::size_t>(0, damaged.size())] =
          *rc::gen::elementOf(std::string("{}[]\",:.0-9/\\\n\0x\xff", 17));
    }
    std::ofstream(description, std::ios::binary) << damaged;
    for (const StoredModel& model : store_.list()) RC_ASSERT(model.path == path);
  });
}

}  // namespace
}  // namespace sirocco
