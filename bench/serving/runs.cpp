#include "bench/serving/runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace sirocco::bench {
namespace {

namespace asio = boost::asio;
using Task = asio::awaitable<void>;

Task sleep(asio::io_context& network, double seconds) {
  asio::steady_timer timer(network, std::chrono::duration_cast<asio::steady_timer::duration>(
                                        std::chrono::duration<double>(seconds)));
  co_await timer.async_wait(asio::use_awaitable);
}

/// Until everything that was spawned has ended, or the time is over.
void run_for(asio::io_context& network, double longest_s) {
  network.run_for(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(longest_s)));
}

Task ask_planned(const RunOptions& options, Client& client, std::uint64_t number, double due,
                 Answer& answer) {
  const Plan plan = options.workload.plan(number);
  const std::string request =
      request_for_text(options.target, plan.prompt, plan.answer_tokens, number);
  answer.asked_tokens = plan.answer_tokens;
  answer.due = due > 0 ? due : now_s();
  co_await client.ask(request, answer);
}

bool all_have(const std::deque<Answer>& streams,
              const std::function<bool(const std::vector<double>&)>& times) {
  return std::ranges::all_of(streams,
                             [&](const Answer& stream) { return times(stream.reader.times()); });
}

}  // namespace

void append_gaps(const std::vector<double>& times, double begin, double end,
                 std::vector<double>& gaps) {
  for (std::size_t i = 1; i < times.size(); ++i)
    if (times[i - 1] <= end && times[i] >= begin) gaps.push_back(times[i] - times[i - 1]);
}

Run run_closed(const RunOptions& options, int clients, int requests) {
  asio::io_context network{1};
  Run run;
  run.answers.resize(static_cast<std::size_t>(requests));
  std::size_t next = 0;
  const auto one_client = [&]() -> Task {
    Client client(network, options.target);
    while (next < run.answers.size()) {
      const std::size_t number = next++;
      co_await ask_planned(options, client, options.first + number, 0, run.answers[number]);
    }
  };
  run.began = now_s();
  for (int i = 0; i < clients; ++i) asio::co_spawn(network, one_client, asio::detached);
  run_for(network, options.longest_s);
  run.ended = now_s();
  return run;
}

Run run_sustained(const RunOptions& options, int clients, double warm_up_s, double seconds) {
  asio::io_context network{1};
  Run run;
  run.broken_off = true;
  const auto one_client = [&]() -> Task {
    Client client(network, options.target);
    for (bool well = true; well;) {
      const std::uint64_t number = options.first + run.answers.size();
      Answer& answer = run.answers.emplace_back();
      co_await ask_planned(options, client, number, 0, answer);
      well = answer.problem.empty();  // a server that refuses at once isn't to be flooded
    }
  };
  run.began = now_s() + warm_up_s;
  for (int i = 0; i < clients; ++i) asio::co_spawn(network, one_client, asio::detached);
  run_for(network, warm_up_s + seconds);
  run.ended = now_s();
  return run;
}

Run run_open(const RunOptions& options, const std::vector<double>& arrivals) {
  asio::io_context network{1};
  Run run;
  run.answers.resize(arrivals.size());
  std::vector<std::unique_ptr<Client>> idle;
  const auto one_request = [&](std::size_t number) -> Task {
    const double due = run.began + arrivals[number];
    co_await sleep(network, due - now_s());
    if (idle.empty()) idle.push_back(std::make_unique<Client>(network, options.target));
    const std::unique_ptr<Client> client = std::move(idle.back());
    idle.pop_back();
    co_await ask_planned(options, *client, options.first + number, due, run.answers[number]);
  };
  run.began = now_s();
  for (std::size_t i = 0; i < arrivals.size(); ++i)
    asio::co_spawn(network, one_request(i), asio::detached);
  run_for(network, options.longest_s);
  run.ended = now_s();
  return run;
}

Run run_turns(const RunOptions& options, int clients, int turns) {
  asio::io_context network{1};
  Run run;
  run.answers.resize(static_cast<std::size_t>(clients) * static_cast<std::size_t>(turns));
  const auto one_client = [&](int number) -> Task {
    Client client(network, options.target);
    std::string messages = "[";
    for (int turn = 0; turn < turns; ++turn) {
      const std::size_t at = static_cast<std::size_t>(number * turns + turn);
      const Plan plan = options.workload.plan(options.first + at);
      messages += fmt::format("{}{{\"role\":\"user\",\"content\":\"{}\"}}", turn > 0 ? "," : "",
                              plan.prompt);
      const std::string request =
          request_for_messages(options.target, messages + "]", plan.answer_tokens, at);
      Answer& answer = run.answers[at];
      answer.asked_tokens = plan.answer_tokens;
      answer.due = now_s();
      co_await client.ask(request, answer);
      messages +=
          fmt::format(",{{\"role\":\"assistant\",\"content\":\"{}\"}}", answer.reader.raw_text());
    }
  };
  run.began = now_s();
  for (int i = 0; i < clients; ++i) asio::co_spawn(network, one_client(i), asio::detached);
  run_for(network, options.longest_s);
  run.ended = now_s();
  return run;
}

Stall run_stall(const RunOptions& options, const StallOptions& stall) {
  asio::io_context network{1};
  Stall out;
  std::deque<Answer> streams(static_cast<std::size_t>(stall.streams));
  std::deque<Answer> prompts(static_cast<std::size_t>(stall.repetitions));
  const auto one_stream = [&](std::size_t number) -> Task {
    Client client(network, options.target);
    const std::string request =
        request_for_text(options.target, options.workload.words(options.first + number, 16),
                         stall.stream_tokens, number);
    co_await client.ask(request, streams[number]);
    if (out.problem.empty()) {
      out.problem = "a stream ended before the prompts were answered: " + streams[number].problem;
    }
    network.stop();
  };
  const auto prompts_come = [&]() -> Task {
    while (!all_have(streams, [](const std::vector<double>& times) { return times.size() > 16; }))
      co_await sleep(network, 0.05);
    Client client(network, options.target);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const double quiet = now_s();
      co_await sleep(network, stall.quiet_s);
      Answer& answer = prompts[i];
      const std::uint64_t number = options.first + streams.size() + i;
      const std::string request = request_for_text(
          options.target, options.workload.words(number, stall.prompt_words), 4, number);
      answer.due = now_s();
      for (const Answer& stream : streams)
        append_gaps(stream.reader.times(), quiet, answer.due, out.quiet_gaps);
      co_await client.ask(request, answer);
      if (!answer.problem.empty()) {
        out.problem = "a prompt: " + answer.problem;
        break;
      }
      const double first = answer.reader.times().front();
      // The gap that it came in has to end too.
      while (!all_have(streams,
                       [&](const std::vector<double>& times) { return times.back() > first; }))
        co_await sleep(network, 0.05);
      for (const Answer& stream : streams)
        append_gaps(stream.reader.times(), answer.due, first, out.beside_gaps);
      out.first_s.push_back(first - answer.due);
      out.prompt_tokens.push_back(answer.reader.usage().prompt);
      const double behind = now_s();
      co_await sleep(network, stall.quiet_s);
      for (const Answer& stream : streams)
        append_gaps(stream.reader.times(), behind, now_s(), out.behind_gaps);
    }
    network.stop();
  };
  for (std::size_t i = 0; i < streams.size(); ++i)
    asio::co_spawn(network, one_stream(i), asio::detached);
  asio::co_spawn(network, prompts_come, asio::detached);
  run_for(network, options.longest_s);
  if (out.first_s.size() < prompts.size() && out.problem.empty()) out.problem = "the time was over";
  return out;
}

}  // namespace sirocco::bench
