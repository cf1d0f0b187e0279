#include "sirocco/hub/hub_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/hub_testing.hpp"

namespace sirocco {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kCommit(40, 'c');
const std::string kSha(64, 'a');

/// Keeps what it is given.
class Kept final : public HttpBody {
 public:
  bool begin(const HttpHead& /*head*/) override { return true; }
  bool take(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  }
  std::string text;
};

class HubClientTest : public ::testing::Test {
 protected:
  std::vector<RepositoryFile> files() { return client_.files_of(name_, kCommit, {}); }
  std::string commit() { return client_.commit_of(name_, "main", {}); }
  std::optional<Setback> fetch(Kept& body) {
    return client_.fetch(name_, kCommit, *RepositoryPath::parse("x/m ü.gguf"), {}, body, {});
  }

  template <class E, class Action>
  static std::string failure_of(Action action) {
    try {
      action();
    } catch (const E& e) {
      return e.what();
    }
    return "no failure";
  }

  static Json file(const std::string& path, std::uint64_t size = 5) {
    return {{"type", "file"}, {"path", path}, {"size", size}, {"oid", std::string(40, 'b')}};
  }

  const HubName name_ = *HubName::parse("ann/tiny");
  const HubAddress hub_{Url::parse("https://hub.example/base/", "test"), "hf_x", "HF_TOKEN"};
  FakeClock clock_;
  FakeTransport::Shared shared_;
  FakeTransport transport_{shared_};
  std::vector<std::string> said_;
  HubClient client_{hub_, transport_, clock_,
                    [this](const std::string& line) { said_.push_back(line); }};
};

TEST_F(HubClientTest, AsksForTheCommitOfARevision) {
  shared_.answer = [](const FakeRequest&) {
    return FakeAnswer{200, {}, Json{{"sha", kCommit}}.dump(), ""};
  };
  EXPECT_EQ(client_.commit_of(name_, "refs/pr/1", {}), kCommit);
  EXPECT_EQ(shared_.requests[0].url,
            "https://hub.example/base/api/models/ann/tiny/revision/refs%2Fpr%2F1");
  EXPECT_EQ(shared_.requests[0].header("Authorization"), "Bearer hf_x");
}

TEST_F(HubClientTest, ReadsAllPages) {
  shared_.answer = [](const FakeRequest& request) {
    const bool second = request.url.ends_with("cursor=2");
    FakeAnswer answer;
    if (second) {
      answer.body = Json::array({file("a.json")}).dump();
    } else {
      answer.headers = {
          {"link", "<x>; rel=\"first\", <" + request.url + "&cursor=2>; rel=\"next\""}};
      Json large = file("z.gguf", 130);
      large["lfs"] = {{"oid", kSha}, {"size", 7'000'000'000}};
      answer.body = Json::array({large,
                                 {{"type", "directory"}, {"path", "d"}},
                                 file(".gitignore"),
                                 file("d/.hidden")})
                        .dump();
    }
    return answer;
  };
  const std::vector<RepositoryFile> all = files();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].path.text(), "a.json");
  EXPECT_EQ(all[0].hash.kind(), ContentHash::Kind::kGitBlob);
  EXPECT_EQ(all[1].size, 7'000'000'000U);
  EXPECT_EQ(all[1].hash.text(), "sha256:" + kSha);
}

TEST_F(HubClientTest, ReadsNoEndlessList) {
  int page = 0;
  shared_.answer = [&](const FakeRequest&) {
    return FakeAnswer{200,
                      {{"Link", "</api/next" + std::to_string(++page) + ">; rel=\"next\""}},
                      Json::array({file("f" + std::to_string(page))}).dump(),
                      ""};
  };
  EXPECT_THAT(failure_of<FormatError>([&] { files(); }), HasSubstr("more than 200 pages"));
  shared_.answer = [](const FakeRequest&) {
    return FakeAnswer{200, {{"Link", "<https://evil.example/>; rel=\"next\""}}, "[]", ""};
  };
  EXPECT_THAT(failure_of<FormatError>([&] { files(); }), HasSubstr("another server"));
  shared_.answer = [](const FakeRequest&) {
    return FakeAnswer{200, {}, std::string(17 << 20, ' '), ""};
  };
  EXPECT_THAT(failure_of<FormatError>([&] { files(); }), HasSubstr("more than 16 MiB"));
}

TEST_F(HubClientTest, KeepsTheTokenToItself) {
  shared_.answer = [](const FakeRequest& request) {
    if (request.url.starts_with("https://hub.example/base/"))
      return FakeAnswer{302, {{"Location", "/moved"}}, "", ""};
    if (request.url == "https://hub.example/moved")
      return FakeAnswer{302, {{"location", "https://hub.example:8443/"}}, "", ""};
    if (request.url == "https://hub.example:8443/")
      return FakeAnswer{307, {{"location", "https://other.example/x?signature=1"}}, "", ""};
    return FakeAnswer{200, {}, "content", ""};
  };
  Kept body;
  EXPECT_FALSE(fetch(body));
  EXPECT_EQ(body.text, "content");
  std::vector<std::string> tokens;
  for (const FakeRequest& request : shared_.requests)
    tokens.push_back(request.header("Authorization"));
  EXPECT_THAT(tokens, ElementsAre("Bearer hf_x", "Bearer hf_x", "", ""));
  EXPECT_EQ(shared_.requests[0].url,
            "https://hub.example/base/ann/tiny/resolve/" + kCommit + "/x/m%20%C3%BC.gguf");
}

TEST_F(HubClientTest, FollowsNoRedirectThatItShouldNot) {
  for (const auto& [location, says] : {std::pair("http://hub.example/", "from https to http"),
                                       {"ftp://a/", "neither http"},
                                       {"https://u:p@a/", "holds a user's name"},
                                       {"?again", "more than 8 redirects"}}) {
    shared_.requests.clear();
    shared_.answer = [&](const FakeRequest&) {
      return FakeAnswer{302, {{"Location", location}}, "", ""};
    };
    Kept body;
    EXPECT_THAT(failure_of<FormatError>([&] { fetch(body); }), HasSubstr(says));
    EXPECT_LE(shared_.requests.size(), 9U);
  }
  shared_.answer = [](const FakeRequest&) { return FakeAnswer{302, {}, "", ""}; };
  EXPECT_THAT(failure_of<FormatError>([&] { commit(); }), HasSubstr("to nowhere"));
}

TEST_F(HubClientTest, FollowsAsManyRedirectsAsItSays) {
  int times = 0;
  shared_.answer = [&](const FakeRequest&) {
    if (++times <= 8) return FakeAnswer{302, {{"Location", "?again"}}, "", ""};
    return FakeAnswer{200, {}, "content", ""};
  };
  Kept body;
  EXPECT_FALSE(fetch(body));
  EXPECT_EQ(body.text, "content");
}

TEST_F(HubClientTest, TellsRefusalsApart) {
  struct Case {
    int status;
    std::string code;
    std::string says;
  };
  for (const Case& one :
       {Case{401, "RepoNotFound", "no model ann/tiny for the token of HF_TOKEN"},
        Case{401, "", "doesn't take the token of HF_TOKEN"}, Case{403, "GatedRepo", "is gated"},
        Case{401, "GatedRepo", "accept what it asks for"}, Case{403, "", "is gated"},
        Case{404, "RepoNotFound", "no model ann/tiny"}, Case{404, "", "no model ann/tiny"},
        Case{404, "RevisionNotFound", "no revision 'main'"},
        Case{400, "", "status 400: 'why\\x1b[31m'"}, Case{204, "", "status 204"}}) {
    shared_.answer = [&](const FakeRequest&) {
      return FakeAnswer{
          one.status, {{"X-Error-Code", one.code}, {"X-Error-Message", "why\x1b[31m"}}, "no", ""};
    };
    EXPECT_THAT(failure_of<Error>([&] { commit(); }), HasSubstr(one.says)) << one.status;
  }
  EXPECT_TRUE(clock_.waits().empty());
  shared_.answer = [](const FakeRequest&) { return FakeAnswer{404, {}, "", ""}; };
  Kept body;
  EXPECT_THAT(failure_of<NotFound>([&] { fetch(body); }), HasSubstr("no file 'x/m ü.gguf'"));
}

TEST_F(HubClientTest, TriesAgainWhatMayPass) {
  int times = 0;
  shared_.answer = [&](const FakeRequest&) {
    switch (++times) {
      case 1:
        return FakeAnswer{503, {}, "busy", ""};
      case 2:
        return FakeAnswer{0, {}, "", "no connection"};
      case 3:
        return FakeAnswer{200, {}, "{\"sha\"", "it broke off"};
      default:
        return FakeAnswer{200, {}, Json{{"sha", kCommit}}.dump(), ""};
    }
  };
  EXPECT_EQ(commit(), kCommit);
  EXPECT_EQ(clock_.waits().size(), 3U);
  EXPECT_THAT(said_[2], HasSubstr("it broke off; trying again in 2.0 s"));
  shared_.answer = [](const FakeRequest&) { return FakeAnswer{429, {}, "", ""}; };
  EXPECT_THAT(failure_of<IoError>([&] { commit(); }), HasSubstr("given up after 4 tries"));
}

TEST_F(HubClientTest, ALinkThatHasExpiredIsAskedForAgain) {
  shared_.answer = [](const FakeRequest& request) {
    if (request.url.starts_with("https://hub.example"))
      return FakeAnswer{302, {{"Location", "https://other.example/"}}, "", ""};
    return FakeAnswer{403, {}, "expired", ""};
  };
  Kept body;
  const auto setback = fetch(body);
  ASSERT_TRUE(setback);
  EXPECT_THAT(setback->reason, HasSubstr("other.example:443 refuses (403)"));
  EXPECT_EQ(body.text, "");
}

TEST_F(HubClientTest, RefusesListsThatMakeNoSense) {
  const auto refuses = [&](const Json& entry, const char* says) {
    shared_.answer = [&](const FakeRequest&) {
      return FakeAnswer{200, {}, Json::array({entry}).dump(), ""};
    };
    EXPECT_THAT(failure_of<FormatError>([&] { files(); }), HasSubstr(says)) << entry;
  };
  for (const char* const path : {"../a", "a/../b", "/a", "a\\b", "C:a", "a\nb", "", "a//b", "..",
                                 ".a/../../b", "a/b/c/d/e/f/g/h/i"})
    refuses(file(path), "can't be written here");
  Json entry = file("a");
  entry["size"] = -1;
  refuses(entry, "no size or hash");
  entry["size"] = 1.5;
  refuses(entry, "no size or hash");
  entry["size"] = std::uint64_t{1} << 60;
  refuses(entry, "no size or hash");
  entry = file("a");
  entry["oid"] = "main";
  refuses(entry, "no size or hash");
  entry = file("a");
  entry["lfs"] = {{"oid", "x"}, {"size", 3}};
  refuses(entry, "no size or hash");
  refuses(7, "isn't an object");
  refuses({{"type", "file"}}, "without a type or a path");
  shared_.answer = [&](const FakeRequest&) {
    return FakeAnswer{200, {}, Json::array({file("a"), file("a")}).dump(), ""};
  };
  EXPECT_THAT(failure_of<FormatError>([&] { files(); }), HasSubstr("'a' twice"));
}

TEST_F(HubClientTest, AnyAnswerIsAListOrAnError) {
  const std::string good =
      Json::array({file("a.gguf"), {{"type", "directory"}, {"path", "d"}}}).dump();
  rc::check("damaged lists", [&] {
    std::string damaged = good;
    const auto changes = *rc::gen::inRange(1, 6);
    for (int i = 0; i < changes; ++i) {
      const auto at = *rc::gen::inRange<std::size_t>(0, damaged.size());
      damaged[at] = *rc::gen::elementOf(std::string("{}[]\",:.0-9/\\\n\0x\xff", 17));
    }
    shared_.answer = [&](const FakeRequest&) { return FakeAnswer{200, {}, damaged, ""}; };
    try {
      for (const RepositoryFile& f : files()) RC_ASSERT(RepositoryPath::parse(f.path.text()));
    } catch (const FormatError&) {
    }
  });
}

class EnvironmentTest : public ::testing::Test {
 protected:
  EnvironmentTest() {
    for (const char* const name : {"HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME"})
      unset(name);
    set("HF_HOME", folder_.path().c_str());
  }
  ~EnvironmentTest() override {
    for (const char* const name : {"HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME"})
      unset(name);
  }
  static void set(const char* name, const char* value) { setenv(name, value, 1); }
  static void unset(const char* name) { unsetenv(name); }

  TestFolder folder_;
};

TEST_F(EnvironmentTest, NamesTheHubAndWhoAsks) {
  EXPECT_EQ(hub_of_environment().endpoint.origin(), "https://huggingface.co:443");
  EXPECT_EQ(hub_of_environment().token, "");
  std::ofstream(folder_.path() / "token") << "hf_of_file\n";
  EXPECT_EQ(hub_of_environment().token, "hf_of_file");
  EXPECT_THAT(hub_of_environment().token_origin, HasSubstr(folder_.path().string()));
  std::ofstream(folder_.path() / "elsewhere") << "hf_of_path";
  set("HF_TOKEN_PATH", (folder_.path() / "elsewhere").c_str());
  EXPECT_EQ(hub_of_environment().token, "hf_of_path");
  set("HF_TOKEN", " hf_of_variable ");
  EXPECT_EQ(hub_of_environment().token, "hf_of_variable");
  set("HF_ENDPOINT", "http://mirror.example/hub");
  EXPECT_EQ(hub_of_environment().endpoint.below("/x").text(), "http://mirror.example/hub/x");
}

TEST_F(EnvironmentTest, IsRefusedWhereItCantBe) {
  set("HF_TOKEN", "a\r\nX-Evil: 1");
  EXPECT_THROW(hub_of_environment(), InvalidArgument);
  set("HF_TOKEN", std::string(5000, 'a').c_str());
  EXPECT_THROW(hub_of_environment(), InvalidArgument);
  set("HF_TOKEN", "a");
  for (const char* const endpoint : {"hub.example", "file:///x", "https://u:p@hub.example"}) {
    set("HF_ENDPOINT", endpoint);
    EXPECT_THROW(hub_of_environment(), FormatError) << endpoint;
  }
}

}  // namespace
}  // namespace sirocco
