#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/language_pipeline_testing.hpp"

namespace sirocco::pipeline_testing {

/// Runs jobs as an engine might, at random: which begin, which take part in a step and by how much,
/// and when a step is waited for.
class AtRandom {
 public:
  struct Result {
    std::vector<ChosenTokens> choices;
    std::optional<std::string> error;  // of the first step of it that failed
  };

  AtRandom(LanguagePipeline& pipeline, std::uint64_t seed) : pipeline_(pipeline), random_(seed) {}

  /// What came of each job.
  std::vector<Result> run(std::vector<TextJob> jobs) {
    for (TextJob& job : jobs) {
      Running& one = all_.emplace_back();
      one.result.choices.resize(static_cast<std::size_t>(job.choices));
      one.checked.emplace(LanguagePipeline::check(*pipeline_.limits(), std::move(job)));
    }
    while (std::ranges::any_of(all_, [](const Running& one) { return !one.over; })) {
      begin_some();
      const bool full = std::ssize(flights_) == pipeline_.limits()->max_steps_in_flight;
      if (full || below(3) == 0 || !submit())
        if (!flights_.empty()) wait();
    }
    while (!flights_.empty()) wait();
    std::vector<Result> out;
    for (Running& one : all_) out.push_back(std::move(one.result));
    all_.clear();
    return out;
  }
  /// Steps in which a work was that was in another one already.
  int overlaps() const { return overlaps_; }
  /// Steps that failed.
  int failures() const { return failures_; }

 private:
  struct Running {
    std::optional<CheckedTextJob> checked;
    std::optional<TextWork> work;
    Result result;
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
      if (!one.work || one.result.error || below(3) == 0) continue;
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
    std::optional<std::string> error;
    try {
      pipeline_.wait(std::move(flight.ticket));
    } catch (const Error& e) {
      error = e.what();
      ++failures_;
    }
    for (Running* one : flight.works) {
      --one->steps;
      if (error && !one->result.error) one->result.error = error;
      while (const auto event = one->work->next_event())
        if (const ChosenToken* token = event->token())
          one->result.choices[event->choice].push_back(*token);
      if ((!one->work->ending() && !one->result.error) || one->steps > 0) continue;
      one->over = true;
      one->work.reset();
    }
  }

  LanguagePipeline& pipeline_;
  std::mt19937_64 random_;
  std::deque<Running> all_;
  std::deque<Flight> flights_;
  int overlaps_ = 0;
  int failures_ = 0;
};

inline std::vector<TokenId> tokens_of(const ChosenTokens& chosen) {
  std::vector<TokenId> out;
  for (const ChosenToken& token : chosen) out.push_back(token.token);
  return out;
}

/// Jobs of all kinds that have beginnings in common, other ones for each seed.
inline std::vector<TextJob> mixed_jobs(std::uint64_t seed, std::int64_t vocabulary) {
  std::vector<TextJob> jobs;
  const auto beginning = random_tokens(seed, 40, vocabulary);
  for (int i = 0; i < 10; ++i) {
    TextJob job;
    // Some go on where others did.
    std::vector<TokenId> prompt = beginning;
    prompt.resize(static_cast<std::size_t>(1 + (i * 13 + static_cast<int>(seed)) % 40));
    const auto rest =
        random_tokens(seed + 100 + static_cast<std::uint64_t>(i), i * 6 + 1, vocabulary);
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
  return jobs;
}

}  // namespace sirocco::pipeline_testing
