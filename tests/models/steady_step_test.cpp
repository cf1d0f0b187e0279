// A step like those before it allocates nothing: neither objects on the heap, which this program
// counts, nor pages.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/load.hpp"
#include "tests/support/paths_testing.hpp"

namespace {

std::atomic<std::int64_t> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t whole = (size + alignment) / alignment * alignment;
  if (void* const memory = std::aligned_alloc(alignment, whole)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace sirocco {
namespace {

/// Pages of address space that the process has.
std::int64_t mapped_pages() {
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages;
}

class SteadySteps : public testing::TestWithParam<const char*> {
 protected:
  LoadedModel load(int sequences) {
    LoadOptions options;
    options.placement.threads = 2;
    options.pipeline.context = 400;
    options.pipeline.max_sequences = sequences;
    options.pipeline.cache_positions = 400 * sequences;
    options.pipeline.block_positions = 16;
    return load_language_model(machine_, made_golden_path("models/") + GetParam(),
                               std::move(options));
  }

  static SamplingParams sampling() {
    SamplingParams p;
    p.temperature = 0.8f;
    p.top_p = 0.9f;
    p.min_p = 0.01f;
    p.repetition_penalty = 1.1f;
    p.penalty_last_n = -1;
    p.rules.prompt_penalty = 1.1f;
    p.rules.no_repeat_ngram = 3;
    p.rules.no_repeat_prompt_ngram = 4;
    p.rules.bad_words = {{TokenId(7)}, {TokenId(1), TokenId(2), TokenId(3)}};
    p.rules.sequence_bias = {{{TokenId(8), TokenId(9)}, 2.0f}};
    p.rules.length_decay = LengthDecay{10, 1.01f};
    p.rules.min_new_tokens = 1000;
    return p;
  }

  Machine machine_;
};

// Caches that keep everything, windows, experts, one latent row, attention sinks.
INSTANTIATE_TEST_SUITE_P(Models, SteadySteps,
                         testing::Values("llama-gqa.gguf", "gemma3.gguf", "qwen3moe.gguf",
                                         "deepseek2.gguf", "gpt-oss.gguf"),
                         [](const auto& param) {
                           std::string name = param.param;
                           name.resize(name.find('.'));
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

// The test's own instrument.
TEST(Allocations, AreCounted) {
  const std::int64_t before = allocations.load();
  delete new int(1);
  const std::vector<int> values(10);
  EXPECT_EQ(allocations.load() - before, values.empty() ? 1 : 2);
}

TEST_P(SteadySteps, OfAPipelineAllocateNothing) {
  constexpr int kSequences = 3;
  constexpr int kPrompt = 200;
  constexpr int kWarmUp = 20;
  constexpr int kCounted = 120;  // across borders of cache blocks
  const LoadedModel model = load(kSequences);
  LanguagePipeline& pipeline = model.pipeline();
  const Sampler sampler(sampling(), pipeline.info().vocabulary, {kPrompt, 400, {TokenId(4)}});
  std::vector<std::vector<TokenId>> tokens(kSequences);
  std::vector<SequenceCache> caches;
  std::vector<TextItem> batch;
  caches.reserve(kSequences);
  for (std::size_t s = 0; s < kSequences; ++s) {
    auto cache = pipeline.lease(400);
    ASSERT_TRUE(cache);
    caches.push_back(std::move(*cache));
    tokens[s].reserve(400);
    for (int i = 0; i < kPrompt; ++i) tokens[s].emplace_back(static_cast<int>(s) + i % 50);
    pipeline.step({{SequenceId(s), &caches[s], tokens[s], NoOutput{}}});
    tokens[s].emplace_back(1);
    batch.push_back({SequenceId(s), &caches[s], tokens[s], {}});
  }
  const auto steps = [&](int count) {
    for (int i = 0; i < count; ++i) {
      for (std::size_t s = 0; s < kSequences; ++s) {
        batch[s].rows = std::span(tokens[s]).last(1);
        // The last one has no sampler but takes its logits home.
        if (s + 1 < kSequences)
          batch[s].wanted = WantToken{&sampler, tokens[s], 0, 1, 0};
        else
          batch[s].wanted = WantLogits{};
      }
      const auto outcomes = pipeline.step(batch);
      for (std::size_t s = 0; s < kSequences; ++s) {
        const auto* chosen = std::get_if<ChosenToken>(&outcomes[s]);
        tokens[s].push_back(chosen != nullptr ? chosen->token : TokenId(2));
      }
    }
  };
  steps(kWarmUp);
  const std::int64_t pages = mapped_pages();
  const std::int64_t before = allocations.load();
  steps(kCounted);
  EXPECT_EQ(allocations.load() - before, 0);
  EXPECT_EQ(mapped_pages() - pages, 0);
}

TEST_P(SteadySteps, OfTheEngineAllocateNothing) {
  const LoadedModel model = load(3);
  Engine engine(machine_);
  const auto pipeline = engine.add(model.shared_pipeline());
  std::vector<Request<LanguagePipeline>> requests;
  for (int s = 0; s < 3; ++s) {
    TextJob job;
    job.prompt = std::vector(100, TokenId(s + 3));
    job.sampling = sampling();
    job.max_tokens = 250;
    job.end_tokens = {TokenId(4)};
    job.prefixes.reset();  // what others may find later has to be written down
    requests.push_back(engine.submit(pipeline, std::move(job)));
  }
  const auto taken = [&] {
    int tokens = 0;
    for (const auto& request : requests)
      while (request.try_next()) ++tokens;
    return tokens;
  };
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(engine.step());
  taken();
  const std::int64_t pages = mapped_pages();
  const std::int64_t before = allocations.load();
  int tokens = 0;
  for (int i = 0; i < 150; ++i) {
    engine.step();
    tokens += taken();
  }
  const std::int64_t made = allocations.load() - before;
  EXPECT_EQ(tokens, 450);
  EXPECT_EQ(made, 0);
  EXPECT_EQ(mapped_pages() - pages, 0);
}

}  // namespace
}  // namespace sirocco
