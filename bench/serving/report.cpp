#include "bench/serving/report.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <map>

#include "bench/serving/percentiles.hpp"
#include "sirocco/server/json/writer.hpp"

namespace sirocco::bench {
namespace {

using json::Writer;

void write(Writer& out, std::string_view name, std::vector<double> seconds) {
  const Distribution d = distribution_of(std::move(seconds));
  out.name(name).open_object();
  out.member("count", static_cast<std::int64_t>(d.count)).member("mean", d.mean * 1e3);
  out.member("p50", d.p50 * 1e3).member("p95", d.p95 * 1e3).member("p99", d.p99 * 1e3);
  out.member("max", d.max * 1e3).close_object();
}

/// What measuring took of the processors, all in all.
double own_processor_s() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

bool keeps(const Answer& answer, const Objective& objective) {
  const std::vector<double>& times = answer.reader.times();
  if (!answer.problem.empty() || times.front() - answer.due > objective.first_s) return false;
  const double gaps = static_cast<double>(times.size() - 1);
  return times.back() - times.front() <= objective.gap_s * gaps;
}

void write_turns(Writer& out, const Run& run, int turns) {
  out.name("turns").open_array();
  for (int turn = 0; turn < turns; ++turn) {
    std::vector<double> first;
    double prompt = 0;
    double cached = 0;
    for (std::size_t i = static_cast<std::size_t>(turn); i < run.answers.size();
         i += static_cast<std::size_t>(turns)) {
      const Answer& answer = run.answers[i];
      if (!answer.problem.empty()) continue;
      first.push_back(answer.reader.times().front() - answer.due);
      prompt += static_cast<double>(answer.reader.usage().prompt);
      cached += static_cast<double>(answer.reader.usage().cached);
    }
    const double count = std::max(1.0, static_cast<double>(first.size()));
    out.open_object().member("prompt_tokens", prompt / count);
    out.member("cached_tokens", cached / count);
    write(out, "ttft_ms", std::move(first));
    out.close_object();
  }
  out.close_array();
}

}  // namespace

std::string report(const Run& run, const ReportOptions& options) {
  std::vector<double> first;
  std::vector<double> gaps;
  std::vector<double> whole;
  std::map<std::string, int> problems;
  std::int64_t pieces = 0;
  std::int64_t asked = 0;
  std::int64_t good = 0;
  Usage tokens;
  std::int64_t watched = 0;  // pieces, while all clients were at it
  for (const Answer& answer : run.answers) {
    const std::vector<double>& times = answer.reader.times();
    if (run.broken_off) {
      const auto within = [&](double time) { return time >= run.began && time <= run.ended; };
      watched += std::ranges::count_if(times, within);
      append_gaps(times, run.began, run.ended, gaps);
      if (!times.empty() && within(times.front())) first.push_back(times.front() - answer.due);
      if (answer.ended == 0 || !within(answer.ended)) continue;
    }
    if (!answer.problem.empty()) {
      ++problems[answer.problem];
      continue;
    }
    if (!run.broken_off) {
      first.push_back(times.front() - answer.due);
      append_gaps(times, times.front(), times.back(), gaps);
    }
    whole.push_back(answer.ended - answer.due);
    pieces += std::ssize(times);
    asked += answer.asked_tokens;
    tokens.prompt += answer.reader.usage().prompt;
    tokens.cached += answer.reader.usage().cached;
    tokens.answer += answer.reader.usage().answer;
    if (keeps(answer, options.objective)) ++good;
  }
  const double seconds = run.ended - run.began;
  auto made = static_cast<double>(tokens.answer);
  // A piece may have more than one token: as many as in the answers whose tokens are known.
  if (run.broken_off && pieces > 0)
    made *= static_cast<double>(watched) / static_cast<double>(pieces);
  Writer out;
  out.open_object().member("mode", options.mode).member("seconds", seconds);
  out.member("requests", std::ssize(run.answers)).member("answered", std::ssize(whole));
  out.member("requests_per_s", static_cast<double>(whole.size()) / seconds);
  out.member("tokens_per_s", made / seconds);
  out.member("prompt_tokens_per_s", static_cast<double>(tokens.prompt - tokens.cached) / seconds);
  out.name("tokens").open_object().member("prompt", tokens.prompt);
  out.member("cached", tokens.cached).member("answer", tokens.answer).member("asked", asked);
  out.member("pieces", pieces).close_object();
  write(out, "ttft_ms", std::move(first));
  write(out, "gap_ms", std::move(gaps));
  write(out, "whole_ms", std::move(whole));
  out.name("objective").open_object().member("ttft_ms", options.objective.first_s * 1e3);
  out.member("gap_ms", options.objective.gap_s * 1e3).close_object();
  out.member("goodput_per_s", static_cast<double>(good) / seconds);
  if (options.turns > 0) write_turns(out, run, options.turns);
  out.member("own_processor_s", own_processor_s());
  out.name("problems").open_object();
  for (const auto& [problem, count] : problems) out.member(problem, count);
  out.close_object().close_object();
  return out.take();
}

std::string report(const Stall& stall) {
  Writer out;
  out.open_object().member("mode", "stall");
  write(out, "undisturbed_gap_ms", stall.quiet_gaps);
  write(out, "beside_gap_ms", stall.beside_gaps);
  write(out, "undisturbed_gap_behind_ms", stall.behind_gaps);
  write(out, "prompt_ttft_ms", stall.first_s);
  out.name("prompt_tokens").open_array();
  for (const std::int64_t tokens : stall.prompt_tokens) out.number(tokens);
  out.close_array().member("own_processor_s", own_processor_s());
  out.name("problems").open_object();
  if (!stall.problem.empty()) out.member(stall.problem, 1);
  out.close_object().close_object();
  return out.take();
}

}  // namespace sirocco::bench
