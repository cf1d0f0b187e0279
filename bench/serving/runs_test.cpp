#include "bench/serving/runs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "bench/serving/report.hpp"
#include "sirocco/server/http/server.hpp"

namespace sirocco::bench {
namespace {

using http::Answered;
using http::Exchange;
using http::Task;

std::string piece(std::string_view text) {
  return R"({"choices":[{"delta":{"content":")" + std::string(text) + R"("}}]})";
}

/// A server whose answers are known: "a", "b" and a usage of five tokens.
class TestServer {
 public:
  explicit TestServer(http::Seconds idle_s = 60) {
    http::ServerOptions options;
    options.limits.idle_s = idle_s;
    options.port = 0;
    options.tick_s = 0.005;
    options.on_exchange_end = [](const http::ExchangeRecord&) {};
    std::vector<http::Route> routes;
    routes.push_back({http::Method::kPost, "/v1/chat/completions",
                      [this](Exchange& exchange) { return answer(exchange); }});
    server_.emplace(http::Routes(std::move(routes)), std::move(options));
    server_->start();
  }
  RunOptions options() const {
    RunOptions out;
    out.target.port = server_->port();
    out.workload = Workload(1, {4, 8}, {2, 5});
    out.longest_s = 60;
    return out;
  }
  std::atomic<int> requests = 0;
  std::atomic<int> most_at_once = 0;
  std::atomic<int> longest_body = 0;
  int fails_every = 0;

 private:
  Task<Answered> answer(Exchange& exchange) {
    const int number = ++requests;
    most_at_once = std::max(most_at_once.load(), ++at_once_);
    longest_body = std::max(longest_body.load(), static_cast<int>(exchange.take_body().size()));
    if (fails_every > 0 && number % fails_every == 0) {
      --at_once_;
      http::Response response = http::json_response("{}", 500);
      co_return co_await exchange.respond(std::move(response));
    }
    http::EventStream events = co_await exchange.start_events();
    co_await events.send(piece("a"));
    co_await exchange.wait_for(0.01);
    co_await events.send(piece("b"));
    co_await events.send(
        R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,"cached_tokens":1}})");
    co_await events.send("[DONE]");
    --at_once_;
    co_return co_await events.finish();
  }
  int at_once_ = 0;
  std::optional<http::Server> server_;
};

TEST(Runs, ClosedLoop) {
  TestServer server;
  server.fails_every = 10;
  const auto run = run_closed(server.options(), 4, 40);
  EXPECT_EQ(server.requests, 40);
  EXPECT_EQ(server.most_at_once, 4);
  int failed = 0;
  for (const Answer& answer : run.answers) {
    if (!answer.problem.empty()) {
      ++failed;
      EXPECT_EQ(answer.problem, "status 500: {}");
      continue;
    }
    EXPECT_EQ(answer.reader.times().size(), 2u);
    EXPECT_LE(run.began, answer.due);
    EXPECT_LE(answer.due, answer.reader.times()[0]);
    EXPECT_LE(answer.reader.times()[1], answer.ended);
    EXPECT_LE(answer.ended, run.ended);
  }
  EXPECT_EQ(failed, 4);
  const std::string told = report(run, {"closed", {}, 0});
  EXPECT_NE(told.find(R"("requests":40,"answered":36)"), told.npos) << told;
  EXPECT_NE(told.find(R"("tokens":{"prompt":252,"cached":36,"answer":180)"), told.npos) << told;
  EXPECT_NE(told.find(R"("problems":{"status 500: {}":4})"), told.npos) << told;
}

TEST(Runs, SustainedLoadIsWatchedWhileAllAreAtIt) {
  TestServer server;
  const auto run = run_sustained(server.options(), 4, 0.2, 0.3);
  EXPECT_EQ(server.most_at_once, 4);
  int pieces = 0;
  for (const Answer& answer : run.answers) {
    EXPECT_TRUE(answer.ended == 0 || answer.problem.empty()) << answer.problem;
    for (const double time : answer.reader.times())
      pieces += time >= run.began && time <= run.ended ? 1 : 0;
  }
  EXPECT_GT(pieces, 8);
  const std::string told = report(run, {"sustained", {}, 0});
  // What is in the making at the end isn't a problem.
  EXPECT_NE(told.find(R"("problems":{})"), told.npos) << told;
  // Answers of two pieces have five tokens.
  const std::string name = R"("tokens_per_s":)";
  const double rate = std::stod(told.substr(told.find(name) + name.size()));
  EXPECT_NEAR(rate * (run.ended - run.began), 2.5 * pieces, 1e-6 * pieces);
}

TEST(Runs, OpenLoopDoesNotWaitForAnswers) {
  TestServer server;
  const auto run = run_open(server.options(), std::vector<double>(12, 0.0));
  EXPECT_EQ(server.requests, 12);
  EXPECT_GT(server.most_at_once, 4);
  for (const Answer& answer : run.answers) EXPECT_EQ(answer.problem, "");
}

TEST(Runs, ConversationsGrow) {
  TestServer server;
  const auto run = run_turns(server.options(), 2, 5);
  EXPECT_EQ(server.requests, 10);
  for (const Answer& answer : run.answers) EXPECT_EQ(answer.problem, "");
  const int longest = server.longest_body;
  run_turns(server.options(), 2, 10);
  EXPECT_GT(server.longest_body, longest + 200);
  const std::string told = report(run, {"turns", {}, 5});
  EXPECT_NE(told.find(R"("turns":[{"prompt_tokens":7,"cached_tokens":1,"ttft_ms":{"count":2,)"),
            told.npos)
      << told;
}

TEST(Runs, AConnectionThatTheServerClosesBetweenRequestsIsMadeAnew) {
  TestServer server(/*idle_s=*/0.02);
  RunOptions options = server.options();
  boost::asio::io_context network{1};
  Client client(network, options.target);
  Answer first;
  Answer second;
  const std::string request = request_for_text(options.target, "a", 2, 1);
  const auto ask_both = [&]() -> boost::asio::awaitable<void> {
    co_await client.ask(request, first);
    boost::asio::steady_timer pause(network, std::chrono::milliseconds(300));
    co_await pause.async_wait(boost::asio::use_awaitable);
    co_await client.ask(request, second);
  };
  boost::asio::co_spawn(network, ask_both, boost::asio::detached);
  network.run_for(std::chrono::seconds(60));
  EXPECT_EQ(first.problem, "");
  EXPECT_EQ(second.problem, "");
}

TEST(Runs, AServerThatIsNotThere) {
  RunOptions options;
  {
    TestServer server;
    options = server.options();
  }
  const auto run = run_closed(options, 2, 4);
  for (const Answer& answer : run.answers) EXPECT_NE(answer.problem, "");
  const std::string told = report(run, {"closed", {}, 0});
  EXPECT_NE(told.find(R"("answered":0)"), told.npos) << told;
}

TEST(Gaps, ThoseThatATimeIsIn) {
  const std::vector<double> times = {0, 1, 3, 4, 9, 10};
  std::vector<double> gaps;
  append_gaps(times, 3.5, 8, gaps);
  EXPECT_EQ(gaps, (std::vector<double>{1, 5}));
  gaps.clear();
  append_gaps(times, 0, 10, gaps);
  EXPECT_EQ(gaps, (std::vector<double>{1, 2, 1, 5, 1}));
}

}  // namespace
}  // namespace sirocco::bench
