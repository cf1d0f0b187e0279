// What the engine adds to the steps of a model, and what its prefix cache saves:
// tokens per second of many answers at once, sampled and delivered, beside those of bare steps; the
// host's part of a step; the gaps between the tokens of running answers while a long prompt comes
// in; the time to the first token of each turn of a conversation.
//
//   engine_bench MODEL [SEQUENCES…]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/load.hpp"

namespace sirocco {
namespace {

constexpr int kPrompt = 16;
constexpr int kAnswer = 64;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// As `sirocco run` chooses tokens when nobody says otherwise.
SamplingParams usual_sampling(std::uint64_t seed) {
  SamplingParams params;
  params.repetition_penalty = 1.1f;
  params.temperature = 0.7f;
  params.top_k = 40;
  params.top_p = 0.95f;
  params.min_p = 0.05f;
  params.seed = seed;
  return params;
}

class Bench {
 public:
  Bench(Machine& machine, const char* path, int sequences) : machine_(machine) {
    options_.pipeline.max_sequences = std::max(sequences, 5);
    options_.pipeline.context = 4608;
    options_.pipeline.cache_positions = std::max<std::int64_t>(5 * 4608, sequences * 256);
    options_.pipeline.hooks.stage = [this](const StageTiming& t) { in_model_ += t.seconds; };
    model_.emplace(load_language_model(machine, path, options_));
  }

  std::vector<TokenId> tokens(int count) {
    std::vector<TokenId> out;
    for (int i = 0; i < count; ++i) {
      out.emplace_back(static_cast<std::int32_t>(
          random_() % static_cast<std::uint64_t>(model_->info().vocabulary)));
    }
    return out;
  }

  /// Bare steps of one token a sequence, as `sirocco bench` makes them.
  double bare(int sequences) {
    LanguagePipeline& pipeline = model_->pipeline();
    std::vector<SequenceCache> caches;
    for (int i = 0; i < sequences; ++i) {
      caches.push_back(*pipeline.lease(kPrompt + kAnswer));
      pipeline.step({{SequenceId(), &caches.back(), tokens(kPrompt), NoOutput{}}});
    }
    const double begin = now();
    for (int i = 0; i < kAnswer; ++i) {
      const std::vector<TokenId> next = tokens(sequences);
      std::vector<TextItem> items;
      for (std::size_t s = 0; s < caches.size(); ++s)
        items.push_back({SequenceId(s), &caches[s], std::span(&next[s], 1), WantLogits{}});
      pipeline.step(items);
    }
    return sequences * kAnswer / (now() - begin);
  }

  struct Answers {
    double tokens_per_s;
    double host_share;
  };
  /// Answers through the engine, from when all of them are being written.
  Answers through_engine(int sequences) {
    Engine engine(machine_);
    const auto handle = engine.add(model_->shared_pipeline());
    std::vector<Request<LanguagePipeline>> requests;
    for (int i = 0; i < sequences; ++i) {
      TextJob job;
      job.prompt = tokens(kPrompt);
      job.sampling = usual_sampling(static_cast<std::uint64_t>(i));
      job.max_tokens = 2 * kAnswer;
      requests.push_back(engine.submit(handle, std::move(job)));
    }
    std::int64_t delivered = 0;
    const auto take = [&] {
      for (const auto& request : requests)
        while (const auto event = request.try_next())
          delivered += event->token() != nullptr ? 1 : 0;
    };
    while (delivered < sequences * 2) {
      engine.step();
      take();
    }
    delivered = 0;
    in_model_ = 0;
    const double begin = now();
    while (delivered < static_cast<std::int64_t>(sequences) * kAnswer) {
      engine.step();
      take();
    }
    const double seconds = now() - begin;
    return {static_cast<double>(delivered) / seconds, 1.0 - in_model_ / seconds};
  }

  /// Seconds to the first token of each turn of a conversation that grows by `turn` tokens a turn.
  std::vector<double> conversation(int turns, int turn, bool finds) {
    model_->pipeline().cache().clear();
    Engine engine(machine_);
    const auto handle = engine.add(model_->shared_pipeline());
    std::vector<TokenId> said;
    std::vector<double> out;
    for (int i = 0; i < turns; ++i) {
      for (const TokenId token : tokens(turn - 20)) said.push_back(token);
      TextJob job;
      job.prompt = said;
      job.sampling = usual_sampling(static_cast<std::uint64_t>(i));
      job.max_tokens = 20;
      if (!finds) job.prefixes.reset();
      const double begin = now();
      const auto request = engine.submit(handle, std::move(job));
      bool first = true;
      while (!request.finished()) {
        engine.step();
        while (const auto event = request.try_next()) {
          if (std::exchange(first, false)) out.push_back(now() - begin);
          if (event->token() != nullptr) said.push_back(event->token()->token);
        }
      }
    }
    return out;
  }

  struct Gaps {
    std::vector<double> before;
    std::vector<double> beside;
    std::vector<double> after;  // longer than before, since the answers have grown
    double prompt_s = 0;
  };
  /// What streams see between two tokens, alone and while a long prompt comes in.
  Gaps beside_a_prompt(int streams, int prompt) {
    model_->pipeline().cache().clear();
    Engine engine(machine_);
    const auto handle = engine.add(model_->shared_pipeline());
    std::vector<Request<LanguagePipeline>> requests;
    const auto submit = [&](int rows, int answer) {
      TextJob job;
      job.prompt = tokens(rows);
      job.sampling = usual_sampling(requests.size());
      job.max_tokens = answer;
      requests.push_back(engine.submit(handle, std::move(job)));
    };
    for (int i = 0; i < streams; ++i) submit(kPrompt, 4000);
    Gaps out;
    std::vector<double> last(requests.size());
    const auto take = [&](std::vector<double>* gaps) {
      const double at = now();
      for (std::size_t i = 0; i < last.size(); ++i) {
        while (const auto event = requests[i].try_next()) {
          if (gaps != nullptr && last[i] > 0) gaps->push_back(at - last[i]);
          last[i] = at;
        }
      }
    };
    for (int i = 0; i < 400; ++i) {
      engine.step();
      take(i < 50 ? nullptr : &out.before);
    }
    submit(prompt, 1);
    const double begin = now();
    while (!requests.back().try_next()) {
      engine.step();
      take(&out.beside);
    }
    out.prompt_s = now() - begin;
    for (int i = 0; i < 400; ++i) {
      engine.step();
      take(&out.after);
    }
    return out;
  }

 private:
  Machine& machine_;
  LoadOptions options_;
  std::optional<LoadedModel> model_;
  std::mt19937_64 random_{1};
  double in_model_ = 0;
};

}  // namespace
}  // namespace sirocco

int main(int argc, char** argv) {
  using namespace sirocco;
  if (argc < 2) {
    fmt::print(stderr, "usage: engine_bench MODEL [SEQUENCES…]\n");
    return 2;
  }
  std::vector<int> counts;
  for (int i = 2; i < argc; ++i) counts.push_back(std::max(std::atoi(argv[i]), 1));
  if (counts.empty()) counts = {1, 16, 64};
  Machine machine;
  Bench bench(machine, argv[1], *std::max_element(counts.begin(), counts.end()));
  for (const int sequences : counts) {
    bench.bare(sequences);
    const double bare = bench.bare(sequences);
    const auto answers = bench.through_engine(sequences);
    fmt::print(
        "{:4} sequences: {:8.1f} tokens/s bare, {:8.1f} through the engine ({:.3f}), host {:.2f} "
        "%\n",
        sequences, bare, answers.tokens_per_s, answers.tokens_per_s / bare,
        100 * answers.host_share);
  }
  const auto quantile = [](std::vector<double>& sorted, double q) {
    std::sort(sorted.begin(), sorted.end());
    return 1e3 * sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
  };
  auto gaps = bench.beside_a_prompt(4, 4000);
  const auto print_gaps = [&](const char* when, std::vector<double>& of) {
    fmt::print("gap of 4 streams {} a prompt of 4000: median {:.1f}, p99 {:.1f}, worst {:.1f} ms\n",
               when, quantile(of, 0.5), quantile(of, 0.99), quantile(of, 1));
  };
  print_gaps("before", gaps.before);
  print_gaps("beside", gaps.beside);
  print_gaps("after", gaps.after);
  fmt::print("that prompt took {:.2f} s\n", gaps.prompt_s);
  for (const bool finds : {false, true}) {
    const std::vector<double> turns = bench.conversation(20, 200, finds);
    fmt::print("first token of turn 1, 5, 10, 20{}: {:.3f}, {:.3f}, {:.3f}, {:.3f} s\n",
               finds ? ", prefixes found" : "", turns[0], turns[4], turns[9], turns[19]);
  }
}
