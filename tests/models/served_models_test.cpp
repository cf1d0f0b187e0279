// Models that come and go while an engine serves them.
#include "sirocco/engine/served_models.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/models/letters_tokenizer_testing.hpp"

namespace sirocco::testing {
namespace {

using ::testing::HasSubstr;

class Served : public ::testing::Test {
 protected:
  Served() {
    folder_.link_weights_of("qwen3");
    folder_.write("config.json", read_json(kModels / "qwen3" / "config.json").dump());
    folder_.write("tokenizer.json", letters_tokenizer_json(false));
    engine_.start();
  }

  std::unique_ptr<ServedModel> load(const std::string& name,
                                    std::vector<std::string> aliases = {}) {
    ServeOptions options;
    options.load.placement.threads = 1;
    options.load.isa = Isa::kRef;
    options.load.pipeline.block_positions = 16;
    return load_served_model(engine_, name, std::move(aliases), folder_.path(), options);
  }
  TextRequest request(const ServedText& model, std::int64_t tokens) const {
    TextRequest out;
    out.prompt = tokenize_prompt(model.tokenizer(), std::array{TextSegment{"some words", false}});
    out.max_tokens = tokens;
    out.ignore_end = true;
    return out;
  }
  template <class F>
  std::string message_of(F f) {
    try {
      f();
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }

  const Scratch folder_;
  Machine machine_;
  Engine engine_{machine_};
  ServedModels models_;
};

TEST_F(Served, AreFoundByTheirNames) {
  EXPECT_THAT(message_of([&] { models_.find(""); }), HasSubstr("no model is loaded"));
  models_.offer(load("a", {"first"}));
  models_.offer(load("b"));
  EXPECT_EQ(models_.find("")->name, "a");
  EXPECT_EQ(models_.find("first")->name, "a");
  EXPECT_EQ(models_.find("b")->name, "b");
  EXPECT_THAT(message_of([&] { models_.find("c"); }), HasSubstr("there is a, first, b"));
  EXPECT_THAT(message_of([&] { models_.offer(load("c", {"first"})); }), HasSubstr("already"));
  EXPECT_THAT(message_of([&] { models_.offer(load("first")); }), HasSubstr("already"));
  models_.take_off("first");
  EXPECT_THAT(message_of([&] { models_.find("a"); }), HasSubstr("there is b"));
}

// A model that is replaced while it answers ends its answers, and then goes; who asks meanwhile
// gets the new one.
TEST_F(Served, AreReplacedWithoutDroppingAnAnswer) {
  const std::uint64_t before = machine_.ledger().in_use();
  // Of weights and caches: the memory of steps is there from the first step on.
  const auto held = [&] {
    std::uint64_t bytes = 0;
    for (const ByteLedger::Account& account : machine_.ledger().accounts())
      if (account.name != "scratch memory") bytes += account.bytes;
    return bytes;
  };
  const std::uint64_t held_before = held();
  models_.offer(load("a"));
  const std::uint64_t one = held() - held_before;
  ModelLease old = models_.find("a");
  TextStream stream = old->text().session().submit(request(old->text(), 100));
  models_.offer(load("a"));
  EXPECT_EQ(models_.leaving(), 1U);
  EXPECT_NE(models_.find("a"), old);
  EXPECT_EQ(
      models_.find("a")->text().session().submit(request(old->text(), 5)).wait().tokens.size(), 5U);
  EXPECT_EQ(stream.wait().tokens.size(), 100U);
  old.reset();
  while (models_.leaving() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(held() - held_before, one);
  models_.take_off("a");
  while (models_.leaving() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(machine_.ledger().in_use(), before);
}

TEST_F(Served, AnswerAndEmbedFromTheSameWeights) {
  models_.offer(load("a"));
  const ModelLease model = models_.find("a");
  const std::uint64_t before = machine_.ledger().in_use();
  const auto& pipeline = model->text().embeddings();
  // A cache and no second set of weights.
  EXPECT_LT(machine_.ledger().in_use() - before, 64U << 20);
  TextStream stream = model->text().session().submit(request(model->text(), 50));
  const auto tokens = std::get<std::vector<TokenId>>(request(model->text(), 1).prompt);
  const auto vector = engine_.submit(pipeline, EmbeddingJob{tokens}).next();
  ASSERT_TRUE(vector);
  EXPECT_EQ(std::ssize(*vector), model->info().width);
  float square = 0;
  for (const float x : *vector) square += x * x;
  EXPECT_NEAR(square, 1, 1e-4);
  EXPECT_EQ(stream.wait().tokens.size(), 50U);
  EXPECT_EQ(&model->text().embeddings(), &pipeline);
}

}  // namespace
}  // namespace sirocco::testing
