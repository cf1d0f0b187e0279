#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/pipeline/random.hpp"
#include "tests/support/paths_testing.hpp"

/// What the tests of a LanguagePipeline share.
namespace sirocco::pipeline_testing {

inline const std::filesystem::path kModels = made_golden_path("models");

/// A file's name as the name of a test.
inline std::string test_name_of(const ::testing::TestParamInfo<const char*>& param) {
  std::string name = param.param;
  name.resize(name.find('.'));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// A tiny random model, loaded as often as asked for.
class TinyModel {
 public:
  TinyModel(const std::filesystem::path& name, int threads)
      : checkpoint_(open_checkpoint(kModels / name)),
        threads_(threads),
        backend_(make_cpu_backend(Isa::kRef, threads_)) {}

  std::unique_ptr<LanguagePipeline> pipeline(LanguagePipelineOptions options = {},
                                             std::vector<LayerIndex> cuts = {}) {
    options.blocks.poison = true;
    const auto builder = make_model_builder(*checkpoint_.metadata, *checkpoint_.weights, *backend_);
    return make_language_pipeline(*builder, places(cuts.size() + 1), std::move(options), cuts);
  }
  /// The same with the vocabulary's head shared out: tokens before `cut` are the head stage's.
  std::unique_ptr<LanguagePipeline> sharded(LanguagePipelineOptions options,
                                            std::vector<LayerIndex> cuts, TokenId cut) {
    options.blocks.poison = true;
    const auto builder = make_model_builder(*checkpoint_.metadata, *checkpoint_.weights, *backend_);
    std::vector<PlannedStage> stages(cuts.size() + 1);
    for (std::size_t i = 0; i < cuts.size(); ++i)
      stages[i].end = stages[i + 1].first = cuts[i].value();
    stages.back().end = builder->info().layers;
    stages.front().shard = {TokenId(0), cut};
    stages.back().shard = {cut, TokenId(static_cast<std::int32_t>(builder->info().vocabulary))};
    return make_language_pipeline(*builder, places(stages.size()), std::move(options), stages);
  }
  ByteLedger& ledger() { return ledger_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }

 private:
  std::vector<StagePlace> places(std::size_t stages) {
    std::vector<StagePlace> places = {{*backend_, ledger_}};
    while (places.size() < stages) {
      behind_.push_back(make_cpu_backend(Isa::kRef, threads_));
      places.push_back({*behind_.back(), ledger_});
    }
    return places;
  }

  Checkpoint checkpoint_;
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  std::vector<std::unique_ptr<Backend>> behind_;  // of the stages behind heads
  ByteLedger ledger_{std::uint64_t{1} << 30};
};

/// A cache of 25 blocks, of which a sequence takes 10 at most.
inline LanguagePipelineOptions small_blocks() {
  LanguagePipelineOptions options;
  options.context = 160;
  options.cache_positions = 400;
  options.block_positions = 16;
  return options;
}

inline std::vector<TokenId> random_tokens(std::uint64_t seed, int count, std::int64_t vocabulary) {
  std::vector<TokenId> out;
  for (int i = 0; i < count; ++i) {
    out.emplace_back(static_cast<std::int32_t>(uniform(seed, static_cast<std::uint64_t>(i), 0) *
                                               static_cast<double>(vocabulary)));
  }
  return out;
}

inline std::vector<float> scores(LanguagePipeline& pipeline, const TextRows& rows,
                                 std::vector<int> chunks = {}) {
  std::vector<float> out;
  pipeline.score(rows, chunks, [&](std::int64_t row, std::span<const float> logits) {
    EXPECT_EQ(row * std::ssize(logits), std::ssize(out));
    out.insert(out.end(), logits.begin(), logits.end());
  });
  return out;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// As many of the rows as don't cut what must not be cut, or the first that belong together.
inline std::int64_t rows_of(const Demand& demand, std::int64_t rows) {
  rows = std::min(rows, demand.rows);
  for (const IndivisibleRows& together : demand.indivisible)
    if (together.first < rows && rows < together.end)
      return together.first > 0 ? together.first : together.end;
  return rows;
}

/// What came of each choice of a job, run to its end by itself in chunks of so many rows.
inline std::vector<ChosenTokens> run_choices(LanguagePipeline& pipeline, TextJob job,
                                             std::int64_t chunk, Usage* usage = nullptr) {
  std::vector<ChosenTokens> choices(static_cast<std::size_t>(job.choices));
  CheckedTextJob checked = LanguagePipeline::check(*pipeline.limits(), std::move(job));
  std::optional<TextWork> work = pipeline.begin(checked);
  EXPECT_TRUE(work);
  std::vector<int> ends(choices.size());
  while (!work->ending()) {
    const Share<TextWork> share{&*work, rows_of(work->demand(), chunk)};
    pipeline.wait(pipeline.submit(std::span(&share, 1)));
    while (const auto event = work->next_event()) {
      EXPECT_EQ(ends[event->choice], 0);
      if (const ChosenToken* token = event->token())
        choices[event->choice].push_back(*token);
      else
        ++ends[event->choice];
    }
  }
  if (usage != nullptr) *usage = work->usage();
  return choices;
}
/// The same of a job with one choice.
inline ChosenTokens run(LanguagePipeline& pipeline, TextJob job, std::int64_t chunk,
                        Usage* usage = nullptr) {
  return run_choices(pipeline, std::move(job), chunk, usage).front();
}

}  // namespace sirocco::pipeline_testing
