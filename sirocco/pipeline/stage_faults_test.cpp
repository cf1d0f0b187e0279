// Stages that fail in a step: what becomes of its sequences, of the others and of later ones.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/at_random_testing.hpp"
#include "sirocco/pipeline/local_stages.hpp"

namespace sirocco {
namespace {

using namespace pipeline_testing;

/// When a part of a stage fails, counted in the steps that it runs.
struct Fault {
  std::atomic<int> runs = 0;
  std::atomic<int> at = -1;

  void run() {
    if (runs++ == at) throw ResourceExhausted("the device has no memory left");
  }
};

/// Layers of a model on a device that fails.
class FailingBlocks {
 public:
  FailingBlocks(AnyBlocks blocks, Fault& fault) : blocks_(std::move(blocks)), fault_(fault) {}

  Hidden transform(Hidden hidden, TransformContext& context) const {
    fault_.run();
    return blocks_.transform(std::move(hidden), context);
  }
  const CacheLayout& cache_layout() const { return blocks_.cache_layout(); }

 private:
  AnyBlocks blocks_;
  Fault& fault_;
};

/// A part of the vocabulary's head on such a device.
class FailingShard {
 public:
  FailingShard(AnyLmHeadShard shard, Fault& fault) : shard_(std::move(shard)), fault_(fault) {}

  LogitsShard lm_head_shard(const Hidden& hidden, TransformContext& context) const {
    fault_.run();
    return shard_.lm_head_shard(hidden, context);
  }
  VocabularyRange vocabulary_range() const { return shard_.vocabulary_range(); }

 private:
  AnyLmHeadShard shard_;
  Fault& fault_;
};

/// What fails, and what is said of it.
struct Failing {
  const char* error;
  std::size_t fault;  ///< 0 to 2: the layers of that stage; 3 and 4: the shards of head and tail
  bool sharded;       ///< whether the vocabulary's head is shared out
};
constexpr std::array<Failing, 8> kFailing = {
    Failing{"the device has no memory left", 0, false},
    Failing{"stage 1: the device has no memory left", 1, false},
    Failing{"stage 2: the device has no memory left", 2, false},
    Failing{"the device has no memory left", 0, true},
    Failing{"stage 1: the device has no memory left", 1, true},
    Failing{"stage 2: the device has no memory left", 2, true},
    Failing{"the device has no memory left", 3, true},
    Failing{"stage 2: the device has no memory left", 4, true}};

/// A head, a middle and a tail, any of which can be made to fail.
class FailingStages {
 public:
  FailingStages(const char* name, bool sharded)
      : checkpoint_(open_checkpoint(kModels / name)), threads_(1) {
    for (auto& backend : backends_) backend = make_cpu_backend(Isa::kRef, threads_);
    const auto builder =
        make_model_builder(*checkpoint_.metadata, *checkpoint_.weights, *backends_[0]);
    const auto blocks = [&](std::int32_t first, std::int32_t end, std::size_t stage) {
      return AnyBlocks(std::make_shared<const FailingBlocks>(
          builder->blocks({LayerIndex(first), LayerIndex(end)}), faults[stage]));
    };
    const std::int32_t layers = builder->info().layers;
    const auto place = [&](std::size_t stage) { return StagePlace{*backends_[stage], ledger_}; };
    std::vector<PlacedStage<Middle>> middles;
    middles.emplace_back(Stage<Middle>(Middle(blocks(1, layers - 1, 1))), place(1));
    const auto stages = [&](auto head_parts, auto tail_parts) {
      using HeadRole = decltype(head_parts);
      using TailRole = decltype(tail_parts);
      PlacedStage<HeadRole> head(Stage<HeadRole>(std::move(head_parts)), place(0));
      PlacedStage<TailRole> tail(Stage<TailRole>(std::move(tail_parts)), place(2));
      return TextStages(std::move(head),
                        std::make_unique<LocalStages>(std::move(middles), std::move(tail)));
    };
    const auto shard = [&](std::int32_t first, std::int64_t end, std::size_t fault) {
      const VocabularyRange range = {TokenId(first), TokenId(static_cast<std::int32_t>(end))};
      return AnyLmHeadShard(
          std::make_shared<const FailingShard>(builder->lm_head_shard(range), faults[fault]));
    };
    const std::int64_t vocabulary = builder->info().vocabulary;
    LanguagePipelineOptions options = small_blocks();
    options.blocks.poison = true;
    options.hooks.lost = [&](const std::string& why) { lost = why; };
    pipeline_ = std::make_unique<LanguagePipeline>(
        builder->info(),
        sharded ? stages(ShardedHead(builder->embed(), blocks(0, 1, 0), shard(0, 32, 3)),
                         ShardedTail(blocks(layers - 1, layers, 2), shard(32, vocabulary, 4)))
                : stages(Head(builder->embed(), blocks(0, 1, 0)),
                         Tail(blocks(layers - 1, layers, 2), builder->lm_head())),
        std::move(options));
  }
  LanguagePipeline& pipeline() { return *pipeline_; }

  std::array<Fault, 5> faults;
  std::string lost;

 private:
  Checkpoint checkpoint_;
  ThreadGroup threads_;
  std::array<std::unique_ptr<Backend>, 3> backends_;
  ByteLedger ledger_{std::uint64_t{1} << 30};
  std::unique_ptr<LanguagePipeline> pipeline_;
};

class StageFaults : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tiny, StageFaults, testing::Values("llama-gqa.gguf", "gemma3.gguf"),
                         test_name_of);

TEST_P(StageFaults, ConcernTheSequencesOfTheStepAlone) {
  TinyModel model(GetParam(), 1);
  const auto whole = model.pipeline(small_blocks());
  const std::vector<TextJob> jobs = mixed_jobs(1, whole->info().vocabulary);
  std::vector<std::vector<ChosenTokens>> alone;
  for (const TextJob& job : jobs) alone.push_back(run_choices(*whole, job, 64));
  int overlaps = 0;
  for (const Failing& failing : kFailing) {
    FailingStages staged(GetParam(), failing.sharded);
    LanguagePipeline& pipeline = staged.pipeline();
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      Fault& fault = staged.faults[failing.fault];
      fault.at = fault.runs + static_cast<int>(seed * 5 % 13);
      AtRandom driver(pipeline, seed);
      const std::vector<AtRandom::Result> made = driver.run(jobs);
      overlaps += driver.overlaps();
      EXPECT_EQ(driver.failures(), 1);
      int failed = 0;
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (made[i].error) {
          EXPECT_EQ(*made[i].error, failing.error);
          ++failed;
          continue;
        }
        for (std::size_t choice = 0; choice < alone[i].size(); ++choice)
          EXPECT_EQ(tokens_of(made[i].choices[choice]), tokens_of(alone[i][choice])) << "job " << i;
      }
      EXPECT_GE(failed, 1);
      EXPECT_LT(failed, std::ssize(jobs));
      EXPECT_EQ(pipeline.cache_status().held, 0);
      EXPECT_EQ(pipeline.cache_status().available, pipeline.cache_status().blocks);
    }
    EXPECT_EQ(staged.lost, "");
  }
  EXPECT_GT(overlaps, 5);
}

/// Two parts of a prompt under way, of which the first fails.
void fail_in_first_part(FailingStages& staged, Fault& fault, const TextJob& job) {
  LanguagePipeline& pipeline = staged.pipeline();
  CheckedTextJob checked = LanguagePipeline::check(*pipeline.limits(), job);
  std::optional<TextWork> work = pipeline.begin(checked);
  ASSERT_TRUE(work);
  fault.at = fault.runs.load();
  const Share<TextWork> share{&*work, 32};
  Ticket first = pipeline.submit(std::span(&share, 1));
  Ticket second = pipeline.submit(std::span(&share, 1));
  EXPECT_THROW(pipeline.wait(std::move(first)), ResourceExhausted);
  pipeline.wait(std::move(second));
  EXPECT_FALSE(work->next_event());
  EXPECT_TRUE(work->ending());
}

TEST_P(StageFaults, LeaveNothingForOthersToFind) {
  TinyModel model(GetParam(), 1);
  const auto whole = model.pipeline(small_blocks());
  TextJob job;
  job.prompt = random_tokens(7, 80, whole->info().vocabulary);
  job.max_tokens = 10;
  job.alternatives = 3;
  const ChosenTokens alone = run(*whole, job, 64);
  for (std::size_t stage = 0; stage < 3; ++stage) {
    FailingStages staged(GetParam(), /*sharded=*/true);
    fail_in_first_part(staged, staged.faults[stage], job);
    Usage usage;
    const ChosenTokens made = run(staged.pipeline(), job, 64, &usage);
    EXPECT_EQ(usage.cached, 0) << "stage " << stage;
    ASSERT_EQ(tokens_of(made), tokens_of(alone)) << "stage " << stage;
    for (std::size_t i = 0; i < alone.size(); ++i)
      EXPECT_EQ(made[i].log_probability, alone[i].log_probability);
    // What was whole is found.
    EXPECT_EQ(tokens_of(run(staged.pipeline(), job, 64, &usage)), tokens_of(alone));
    EXPECT_GT(usage.cached, 0);
  }
}

}  // namespace
}  // namespace sirocco
