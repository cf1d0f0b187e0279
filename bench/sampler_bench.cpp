// What choosing a token costs, beside a step of a model: microseconds over vocabularies of several
// sizes.
//
//   sampler_bench --benchmark_filter='/262144'

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "sirocco/pipeline/random.hpp"
#include "sirocco/pipeline/sampler.hpp"

namespace sirocco {
namespace {

/// Logits as language models give them: most tokens around 0, a few, anywhere, far above.
std::vector<float> peaked_logits(std::int64_t vocabulary) {
  std::vector<float> logits;
  for (std::int64_t i = 0; i < vocabulary; ++i) {
    const auto at = static_cast<std::uint64_t>(i);
    const double normal = std::sqrt(-2.0 * std::log(1.0 - uniform(1, at, 0))) *
                          std::cos(6.283185307179586 * uniform(1, at, 1));
    logits.push_back(static_cast<float>(3.0 * normal + (i % 5000 == 77 ? 12.0 : 0.0)));
  }
  return logits;
}

/// A model that has learned nothing: all tokens nearly alike.
std::vector<float> flat_logits(std::int64_t vocabulary) {
  std::vector<float> logits = peaked_logits(vocabulary);
  for (float& logit : logits) logit *= 0.01f;
  return logits;
}

struct Chain {
  const char* name;
  SamplingParams params;
  int own = 512;  // tokens of the sequence
};

void sample(benchmark::State& state, const std::vector<float>& logits, const Chain& chain) {
  const Sampler sampler(chain.params, std::ssize(logits));
  SamplerScratch scratch;
  std::vector<TokenId> own;
  for (int i = 0; i < chain.own; ++i) own.emplace_back(i * 7 % 300);
  std::int32_t position = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(sampler.sample(logits, own, Position(position++), 0, scratch));
}

std::vector<Chain> chains() {
  std::vector<Chain> all;
  const auto add = [&](const char* name, void (*change)(SamplingParams&), int own = 512) {
    all.push_back({name, {}, own});
    change(all.back().params);
  };
  add("greedy", [](SamplingParams& p) { p.temperature = 0; });
  add("temperature", [](SamplingParams&) {});
  add("top_k", [](SamplingParams& p) { p.top_k = 40; });
  add("top_p", [](SamplingParams& p) { p.top_p = 0.95f; });
  add("min_p", [](SamplingParams& p) { p.min_p = 0.05f; });
  add("typical_p", [](SamplingParams& p) { p.typical_p = 0.95f; });
  add("all", [](SamplingParams& p) {
    p.temperature = 0.8f;
    p.top_k = 40;
    p.top_p = 0.95f;
    p.min_p = 0.05f;
  });
  add("penalties", [](SamplingParams& p) {
    p.temperature = 0;
    p.repetition_penalty = 1.1f;
    p.frequency_penalty = 0.1f;
  });
  constexpr int kLong = 32768;
  add(
      "penalties_of_32768",
      [](SamplingParams& p) {
        p.temperature = 0;
        p.repetition_penalty = 1.1f;
        p.penalty_last_n = -1;
      },
      kLong);
  add(
      "n_grams_of_32768",
      [](SamplingParams& p) {
        p.temperature = 0;
        p.rules.no_repeat_ngram = 4;
      },
      kLong);
  add("rules", [](SamplingParams& p) {
    p.temperature = 0;
    p.rules.suppressed = {TokenId(1), TokenId(2)};
    for (int i = 0; i < 1000; ++i)
      p.rules.bad_words.push_back({TokenId(i % 300), TokenId(i / 7), TokenId(i)});
  });
  return all;
}

void register_all() {
  for (const std::int64_t vocabulary : {49152, 128256, 262144}) {
    for (const Chain& chain : chains()) {
      const auto add = [&](const char* kind, std::vector<float> logits) {
        const std::string name =
            std::string(kind) + "/" + chain.name + "/" + std::to_string(vocabulary);
        benchmark::RegisterBenchmark(name.c_str(), [logits = std::move(logits),
                                                    chain](benchmark::State& state) {
          sample(state, logits, chain);
        })->Unit(benchmark::kMicrosecond);
      };
      add("peaked", peaked_logits(vocabulary));
      add("flat", flat_logits(vocabulary));
    }
  }
}

}  // namespace
}  // namespace sirocco

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  sirocco::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
