// Text in, text out, on an engine that the caller steps and on one with its own thread.
#include "sirocco/engine/session.hpp"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/engine/load.hpp"
#include "tests/models/letters_tokenizer_testing.hpp"

namespace sirocco::testing {
namespace {

class Session : public ::testing::Test {
 protected:
  Session() {
    folder_.link_weights_of("qwen3");
    folder_.write("config.json", read_json(kModels / "qwen3" / "config.json").dump());
    folder_.write("tokenizer.json", letters_tokenizer_json(false));
    LoadOptions options;
    options.placement.threads = 1;
    options.isa = Isa::kRef;
    options.pipeline.block_positions = 16;
    model_.emplace(load_language_model(machine_, folder_.path(), std::move(options)));
    handle_.emplace(engine_.add(model_->shared_pipeline()));
    session_.emplace(engine_, *handle_, model_->tokenizer());
  }

  TextRequest request(const std::string& text, std::uint64_t seed = 1) const {
    TextRequest out;
    out.prompt = tokenize_prompt(model_->tokenizer(), std::array{TextSegment{text, false}});
    out.sampling.seed = seed;
    out.max_tokens = 24;
    return out;
  }

  const Scratch folder_;
  Machine machine_;
  std::optional<LoadedModel> model_;
  Engine engine_{machine_};
  std::optional<Handle<LanguagePipeline>> handle_;
  std::optional<LanguageSession> session_;
};

TEST_F(Session, TextComesAsItIsMade) {
  std::vector<std::string> pieces;
  const Completion whole = session_->complete(request("some words"), [&](std::string_view text) {
    pieces.emplace_back(text);
    return true;
  });
  EXPECT_EQ(whole.reason, FinishReason::kLength);
  EXPECT_EQ(whole.limit, 24);
  EXPECT_EQ(whole.tokens.size(), 24U);
  EXPECT_EQ(whole.usage.prompt, 10);
  EXPECT_EQ(whole.usage.generated, 24);
  EXPECT_GT(pieces.size(), 20U);
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  EXPECT_EQ(joined, whole.text);
}

TEST_F(Session, AStopStringEndsItWhereverItLies) {
  const Completion whole = session_->complete(request("some words"));
  // Across two tokens, each of which is a space and a letter.
  const std::string stop = whole.text.substr(9, 3);
  const std::size_t at = whole.text.find(stop);
  TextRequest stopped = request("some words");
  stopped.stop = {"not in it", stop};
  std::string seen;
  const Completion inline_one = session_->complete(stopped, [&](std::string_view text) {
    seen += text;
    return true;
  });
  engine_.start();
  const Completion threaded = session_->submit(stopped).wait();
  engine_.stop();
  for (const Completion& completion : {inline_one, threaded}) {
    EXPECT_EQ(completion.reason, FinishReason::kStop);
    EXPECT_EQ(completion.stop_string, stop);
    EXPECT_EQ(completion.text, whole.text.substr(0, at));
    EXPECT_EQ(completion.usage.generated, std::ssize(completion.tokens));
    EXPECT_LT(completion.tokens.size(), whole.tokens.size());
  }
  EXPECT_EQ(seen, inline_one.text);
  EXPECT_EQ(handle_->statistics().active, 0);
}

TEST_F(Session, WhoeverListensCanEndIt) {
  int pieces = 0;
  const Completion heard =
      session_->complete(request("some words"), [&](std::string_view) { return ++pieces < 3; });
  EXPECT_EQ(heard.reason, FinishReason::kCancelled);
  EXPECT_EQ(pieces, 3);
  EXPECT_LT(heard.tokens.size(), 10U);
  int steps = 0;
  const Completion stopped =
      session_->complete(request("some words"), {}, [&] { return ++steps > 4; });
  EXPECT_EQ(stopped.reason, FinishReason::kCancelled);
  EXPECT_LT(stopped.tokens.size(), 6U);
}

// Many at once, on the engine's own thread: the same texts as alone.
TEST_F(Session, AnswersAreTheSameWhateverElseRuns) {
  std::vector<std::string> alone;
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    alone.push_back(session_->complete(request("other words", seed)).text);
  engine_.start();
  std::vector<TextStream> streams;
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    streams.push_back(session_->submit(request("other words", seed)));
  for (std::size_t i = 0; i < streams.size(); ++i) EXPECT_EQ(streams[i].wait().text, alone[i]);
  engine_.stop();
}

TEST_F(Session, AConversationFindsWhatWasSaidBefore) {
  std::string said = "the first question of a conversation";
  Completion answer = session_->complete(request(said));
  EXPECT_EQ(answer.usage.cached, 0);
  for (int turn = 0; turn < 2; ++turn) {
    said += answer.text + " and then the next one";
    const std::int64_t before = answer.usage.prompt;
    TextRequest next = request(said);
    answer = session_->complete(next);
    // All full blocks of it; what was answered is other tokens when it is read.
    EXPECT_GE(answer.usage.cached, before / 16 * 16);
    next.prefixes.reset();
    const Completion anew = session_->complete(next);
    EXPECT_EQ(anew.usage.cached, 0);
    EXPECT_EQ(anew.text, answer.text);
  }
}

}  // namespace
}  // namespace sirocco::testing
