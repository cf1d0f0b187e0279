// Drives a server of OpenAI's API, ours or another, and tells how fast it answers, as one object of
// JSON:
//
//   serving_bench closed --port 8080 --clients 16 --requests 64
//   serving_bench sustained --clients 16 --warm-up-seconds 10 --seconds 30
//   serving_bench open --rate 4 --requests 200
//   serving_bench turns --clients 1 --turns 20
//   serving_bench stall --streams 4 --prompt-words 4000
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "bench/serving/report.hpp"
#include "bench/serving/runs.hpp"

namespace sirocco::bench {
namespace {

// Numbers of requests that nobody counts: none of a run has them.
constexpr std::uint64_t kWarmUp = std::uint64_t{1} << 40;

struct Settings {
  Target target;
  bool completions = false;
  std::uint64_t seed = 1;
  Lengths prompt{16, 256};
  Lengths answer{16, 128};
  double longest_s = 600;
  Objective objective;
  int warm_up = 0;
  double seconds = 0;
  double warm_up_s = 0;
  int clients = 1;
  int requests = 0;
  double rate = 1;
  int turns = 20;
  StallOptions stall;
};

RunOptions run_options(const Settings& settings) {
  RunOptions out;
  out.target = settings.target;
  out.target.chat = !settings.completions;
  out.workload = Workload(settings.seed, settings.prompt, settings.answer);
  out.longest_s = settings.longest_s;
  return out;
}

void warm_up(const Settings& settings, RunOptions options) {
  if (settings.warm_up == 0) return;
  options.first = kWarmUp;
  run_closed(options, std::min(settings.clients, settings.warm_up), settings.warm_up);
}

std::string measured(const std::string& mode, const Settings& settings) {
  const RunOptions options = run_options(settings);
  warm_up(settings, options);
  if (mode == "stall") return report(run_stall(options, settings.stall));
  ReportOptions told{mode, settings.objective, 0};
  if (mode == "turns") {
    told.turns = settings.turns;
    return report(run_turns(options, settings.clients, settings.turns), told);
  }
  if (mode == "sustained")
    return report(run_sustained(options, settings.clients, settings.warm_up_s, settings.seconds),
                  told);
  const int requests = settings.requests > 0 ? settings.requests : 4 * settings.clients;
  if (mode == "closed") return report(run_closed(options, settings.clients, requests), told);
  return report(run_open(options, arrivals(settings.seed, settings.rate, requests)), told);
}

void declare_common(CLI::App& app, Settings& settings) {
  app.add_option("--host", settings.target.host)->capture_default_str();
  app.add_option("--port", settings.target.port)->capture_default_str();
  app.add_option("--model", settings.target.model, "without: the server's own choice");
  app.add_option("--key", settings.target.key, "of the server's API");
  app.add_flag("--completions", settings.completions, "/v1/completions in place of chat");
  app.add_option("--temperature", settings.target.temperature)->capture_default_str();
  app.add_option("--seed", settings.seed, "of the requests")->capture_default_str();
  app.add_option("--prompt-min", settings.prompt.min, "words")->capture_default_str();
  app.add_option("--prompt-max", settings.prompt.max)->capture_default_str();
  app.add_option("--answer-min", settings.answer.min, "tokens")->capture_default_str();
  app.add_option("--answer-max", settings.answer.max)->capture_default_str();
  app.add_option("--warm-up", settings.warm_up, "requests that aren't counted, before the others")
      ->capture_default_str();
  app.add_option("--longest", settings.longest_s, "seconds of a run at most")
      ->capture_default_str();
  app.add_option("--slo-ttft", settings.objective.first_s,
                 "seconds to the first piece of an answer that counts as good")
      ->capture_default_str();
  app.add_option("--slo-gap", settings.objective.gap_s, "and from piece to piece, on average")
      ->capture_default_str();
}

void check(const Settings& settings) {
  for (const Lengths& lengths : {settings.prompt, settings.answer}) {
    if (lengths.min < 1 || lengths.max < lengths.min)
      throw CLI::ValidationError("lengths", "they go from 1 on, and rise");
  }
}

}  // namespace
}  // namespace sirocco::bench

int main(int argc, char** argv) {
  using namespace sirocco::bench;
  CLI::App app("Measures a server of OpenAI's API");
  Settings settings;
  declare_common(app, settings);
  app.require_subcommand(1);
  app.fallthrough();
  CLI::App& closed = *app.add_subcommand("closed", "each client asks when it has its answer");
  CLI::App& sustained =
      *app.add_subcommand("sustained", "the same, watched while all clients are at it");
  CLI::App& open = *app.add_subcommand("open", "requests come when they come");
  CLI::App& turns = *app.add_subcommand("turns", "conversations");
  CLI::App& stall = *app.add_subcommand("stall", "a long prompt beside running streams");
  for (CLI::App* mode : {&closed, &sustained, &turns})
    mode->add_option("--clients", settings.clients)
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
  for (CLI::App* mode : {&closed, &open})
    mode->add_option("--requests", settings.requests, "without: four a client");
  sustained.add_option("--seconds", settings.seconds)->required()->check(CLI::PositiveNumber);
  sustained.add_option("--warm-up-seconds", settings.warm_up_s, "before these")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  open.add_option("--rate", settings.rate, "requests a second")->check(CLI::PositiveNumber);
  turns.add_option("--turns", settings.turns)->capture_default_str()->check(CLI::PositiveNumber);
  stall.add_option("--streams", settings.stall.streams)->capture_default_str();
  stall.add_option("--prompt-words", settings.stall.prompt_words)->capture_default_str();
  stall.add_option("--repetitions", settings.stall.repetitions)->capture_default_str();
  stall.add_option("--quiet", settings.stall.quiet_s, "seconds before each and behind it")
      ->capture_default_str();
  stall.add_option("--stream-tokens", settings.stall.stream_tokens)->capture_default_str();
  try {
    app.parse(argc, argv);
    check(settings);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  fmt::print("{}\n", measured(app.get_subcommands().front()->get_name(), settings));
}
