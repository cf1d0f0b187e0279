// Jobs on a model that is cut into stages, with several steps under way.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/pipeline/language_pipeline_testing.hpp"

namespace sirocco {
namespace {

using namespace pipeline_testing;

/// Runs jobs as an engine might, at random: which begin, which take part in a step and by how much,
/// and when a step is waited for.
class AtRandom {
 public:
  AtRandom(LanguagePipeline& pipeline, std::uint64_t seed) : pipeline_(pipeline), random_(seed) {}

  /// What came of each choice of each job.
  std::vector<std::vector<ChosenTokens>> run(std::vector<TextJob> jobs) {
    for (TextJob& job : jobs) {
      Running& one = all_.emplace_back();
      one.choices.resize(static_cast<std::size_t>(job.choices));
      one.checked.emplace(LanguagePipeline::check(*pipeline_.limits(), std::move(job)));
    }
    while (std::ranges::any_of(all_, [](const Running& one) { return !one.over; })) {
      begin_some();
      const bool full = std::ssize(flights_) == pipeline_.limits()->max_steps_in_flight;
      if (full || below(3) == 0 || !submit())
        if (!flights_.empty()) wait();
    }
    while (!flights_.empty()) wait();
    std::vector<std::vector<ChosenTokens>> out;
    for (Running& one : all_) out.push_back(std::move(one.choices));
    return out;
  }
  /// Steps in which a work was that was in another one already.
  int overlaps() const { return overlaps_; }

 private:
  struct Running {
    std::optional<CheckedTextJob> checked;
    std::optional<TextWork> work;
    std::vector<ChosenTokens> choices;
    int steps = 0;
    bool over = false;
  };
  struct Flight {
    Ticket ticket;
    std::vector<Running*> works;
  };

  std::uint64_t below(std::uint64_t count) { return random_() % count; }

  void begin_some() {
    for (Running& one : all_) {
      if (one.work || one.over || below(4) != 0) continue;
      one.work = pipeline_.begin(*one.checked);
    }
  }
  bool submit() {
    std::vector<Share<TextWork>> shares;
    std::vector<Running*> works;
    std::int64_t room = pipeline_.limits()->max_step;
    for (Running& one : all_) {
      if (!one.work || below(3) == 0) continue;
      const Demand demand = one.work->demand();
      std::int64_t rows = demand.rows;
      if (!demand.urgent && rows > 0)
        rows = std::min(rows, 1 + static_cast<std::int64_t>(below(20)));
      if (rows == 0 || rows > room) continue;
      room -= rows;
      overlaps_ += one.steps++ > 0 ? 1 : 0;
      shares.push_back({&*one.work, rows});
      works.push_back(&one);
    }
    if (shares.empty()) return false;
    flights_.push_back({pipeline_.submit(shares), std::move(works)});
    return true;
  }
  void wait() {
    Flight flight = std::move(flights_.front());
    flights_.pop_front();
    pipeline_.wait(std::move(flight.ticket));
    for (Running* one : flight.works) {
      --one->steps;
      while (const auto event = one->work->next_event())
        if (const ChosenToken* token = event->token())
          one->choices[event->choice].push_back(*token);
      if (!one->work->ending() || one->steps > 0) continue;
      one->over = true;
      one->work.reset();
    }
  }

  LanguagePipeline& pipeline_;
  std::mt19937_64 random_;
  std::deque<Running> all_;
  std::deque<Flight> flights_;
  int overlaps_ = 0;
};

std::vector<TokenId> tokens_of(const ChosenTokens& chosen) {
  std::vector<TokenId> out;
  for (const ChosenToken& token : chosen) out.push_back(token.token);
  return out;
}

class Stages : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tiny, Stages,
                         testing::Values("llama-gqa.gguf", "gemma3.gguf", "gpt-oss.gguf",
                                         "deepseek2.gguf"),
                         test_name_of);

TEST_P(Stages, GiveEachJobWhatItGetsAlone) {
  TinyModel model(GetParam(), 1);
  const auto whole = model.pipeline(small_blocks());
  const std::int32_t layers = whole->info().layers;
  int overlaps = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    std::vector<LayerIndex> cuts;
    for (std::int32_t layer = 1; layer < layers; ++layer)
      if (layer == 1 || (seed + static_cast<std::uint64_t>(layer)) % 2 == 0)
        cuts.emplace_back(layer);
    const auto staged = model.pipeline(small_blocks(), cuts);
    EXPECT_EQ(staged->limits()->max_steps_in_flight, std::ssize(cuts) + 1);
    std::vector<TextJob> jobs;
    const auto beginning = random_tokens(seed, 40, whole->info().vocabulary);
    for (int i = 0; i < 10; ++i) {
      TextJob job;
      // Some go on where others did.
      std::vector<TokenId> prompt = beginning;
      prompt.resize(static_cast<std::size_t>(1 + (i * 13 + static_cast<int>(seed)) % 40));
      const auto rest = random_tokens(seed + 100 + static_cast<std::uint64_t>(i), i * 6 + 1,
                                      whole->info().vocabulary);
      prompt.insert(prompt.end(), rest.begin(), rest.end());
      job.prompt = std::move(prompt);
      job.sampling.temperature = 2;
      job.sampling.repetition_penalty = 1.3F;
      job.sampling.seed = static_cast<std::uint64_t>(i);
      job.max_tokens = 12;
      job.choices = i % 3 == 0 ? 3 : 1;
      if (i % 4 == 0) job.alternatives = 2;
      jobs.push_back(std::move(job));
    }
    AtRandom driver(*staged, seed);
    const auto made = driver.run(jobs);
    overlaps += driver.overlaps();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const auto alone = run_choices(*whole, jobs[i], 64);
      ASSERT_EQ(made[i].size(), alone.size());
      for (std::size_t choice = 0; choice < alone.size(); ++choice)
        EXPECT_EQ(tokens_of(made[i][choice]), tokens_of(alone[choice])) << "job " << i;
    }
    EXPECT_EQ(staged->cache_status().held, 0);
  }
  EXPECT_GT(overlaps, 5);
}

}  // namespace
}  // namespace sirocco
