#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sirocco/server/http/server_testing.hpp"

namespace sirocco::http {
namespace {

constexpr std::string_view kFlood = "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kSilent = "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n";

TEST(Stream, SendsEvents) {
  TestServer test;
  Client client = test.client();
  const Reply reply = client.get("/events?n=2");
  EXPECT_EQ(reply.header("content-type"), "text/event-stream");
  EXPECT_EQ(reply.header("cache-control"), "no-cache");
  EXPECT_EQ(reply.header("x-accel-buffering"), "no");
  EXPECT_EQ(reply.body, ": begins\n\nevent: first\ndata: number 0\n\ndata: number 1\n\n");
  // The stream had an end, so another may follow.
  EXPECT_TRUE(client.get("/events?n=0").whole);
}

TEST(Stream, AnEventMayHaveSeveralLines) {
  EXPECT_EQ(event_text("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(event_text(""), "data: \n\n");
  EXPECT_EQ(event_text("x\n", "n"), "event: n\ndata: x\ndata: \n\n");
}

TEST(Stream, ASlowReaderHoldsUpNobodyElse) {
  TestServer test;
  Client slow = test.client(4096);
  slow.send(kFlood);
  // It has come to a halt while others are served.
  int before = -1;
  ASSERT_TRUE(eventually([&] {
    EXPECT_EQ(test.client().get("/events?n=20").status, 200);
    const int now = test.seen.pieces;
    return now > 0 && std::exchange(before, now) == now;
  }));
  Client fast = test.client();
  EXPECT_EQ(fast.get("/flood").body.size(), 1600u * (64 << 10));
  EXPECT_EQ(test.seen.gone, 0);
  // It was only ever paused.
  EXPECT_EQ(slow.read_reply().body.size(), 1600u * (64 << 10));
}

TEST(Stream, AClientThatGoesIsNoticedWhileNothingIsSent) {
  TestServer test;
  Client closed = test.client();
  Client lost = test.client();
  Client twice = test.client();
  Client half_of_1_0 = test.client();
  for (const Client* client : {&closed, &lost, &twice}) client->send(kSilent);
  half_of_1_0.send("GET /silent HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 4; }));
  EXPECT_EQ(test.seen.gone, 0);
  closed.close();
  EXPECT_TRUE(eventually([&] { return test.seen.gone == 1; }));
  lost.reset();
  EXPECT_TRUE(eventually([&] { return test.seen.gone == 2; }));
  half_of_1_0.finish_sending();
  EXPECT_TRUE(eventually([&] { return test.seen.gone == 3; }));
  EXPECT_TRUE(half_of_1_0.is_closed());
  // One that was there when it was asked.
  twice.finish_sending();
  EXPECT_EQ(twice.read_reply().status, 100);
  EXPECT_EQ(test.seen.gone, 3);
  twice.close();
  test.seen.ring();
  EXPECT_TRUE(eventually([&] { return test.seen.ended().size() == 4; }));
  EXPECT_EQ(test.seen.ended()[0].status, 499);
}

TEST(Stream, AClientThatGoesIsNoticedBehindPipelinedRequests) {
  TestServer test;
  Client client = test.client();
  client.send(std::string(kSilent) + std::string(kSilent) + "GET /he");
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 1; }));
  client.close();
  EXPECT_TRUE(eventually([&] { return test.server->connections() == 0; }));
  EXPECT_GE(test.seen.gone, 1);
}

/// Events with a wait for the signal between them.
Route slow_events(Seen& seen) {
  return {Method::kGet, "/slow_events", [&seen](Exchange& exchange) -> Task<Answered> {
            GoneCounter gone(seen);
            EventStream events = co_await exchange.start_events();
            co_await events.send("one");
            {
              const std::lock_guard lock(seen.mutex);
              seen.signals.push_back(exchange.signal());
            }
            ++seen.waiting;
            co_await exchange.wait();
            co_await events.send("two");
            gone.ended = true;
            co_return co_await events.finish();
          }};
}

TEST(Stream, AClientThatSaysThatItHasNoMoreGetsItsAnswer) {
  Seen seen;
  TestServer test({}, {slow_events(seen)});
  Client whole = test.client();
  Client streamed = test.client();
  Client gone = test.client();
  constexpr std::string_view kSlowEvents = "GET /slow_events HTTP/1.1\r\nHost: a\r\n\r\n";
  whole.send(std::string(kSilent) + "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  streamed.send(kSlowEvents);
  gone.send(kSlowEvents);
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 1 && seen.waiting == 2; }));
  whole.finish_sending();
  EXPECT_EQ(whole.read_reply().status, 100);
  streamed.finish_sending();
  EXPECT_TRUE(streamed.read_until("\r\n:\n\n").ends_with("data: one\n\n\r\n3\r\n:\n\n"));
  // What asks the one finds that the other isn't there.
  gone.close();
  EXPECT_TRUE(eventually([&] { return seen.gone == 1; }));
  EXPECT_EQ(test.seen.gone, 0);
  test.seen.ring();
  seen.ring();
  EXPECT_EQ(whole.read_reply().body, "rung");
  EXPECT_EQ(whole.read_reply().body, "hello");
  EXPECT_TRUE(whole.is_closed());
  EXPECT_TRUE(streamed.read_to_end().ends_with("data: two\n\n\r\n0\r\n\r\n"));
  EXPECT_EQ(seen.gone, 1);
}

TEST(Stream, AClientThatGoesIsNoticedWhileMuchIsSent) {
  TestServer test;
  Client client = test.client();
  client.send(kFlood);
  client.read_until("xxxx");
  client.reset();
  EXPECT_TRUE(eventually([&] { return test.seen.gone == 1; }));
}

TEST(Stream, AQuickAnswerReachesAClientThatOnlySaysThatItHasNoMore) {
  TestServer test;
  Client client = test.client();
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  client.finish_sending();
  EXPECT_EQ(client.read_reply().body, "hello");
  EXPECT_EQ(client.read_reply().body.size(), 1u << 20);
  EXPECT_TRUE(client.is_closed());
}

TEST(Signal, WakesItsHandlerFromAnyThread) {
  TestServer test;
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(test.client());
    clients.back().send("GET /silent?n=50 HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  // Whatever is rung again and again reaches a handler as often as it looks.
  std::atomic<bool> enough = false;
  std::vector<std::thread> ringers;
  for (int i = 0; i < 3; ++i) {
    ringers.emplace_back([&] {
      while (!enough) {
        test.seen.ring();
        std::this_thread::yield();
      }
    });
  }
  for (Client& client : clients) EXPECT_EQ(client.read_reply().body, "rung");
  enough = true;
  for (std::thread& ringer : ringers) ringer.join();
  EXPECT_EQ(test.seen.waiting, 20 * 50);
}

TEST(Signal, ARingBeforeTheWaitCounts) {
  std::vector<Route> routes;
  routes.push_back({Method::kGet, "/early", [](Exchange& exchange) -> Task<Answered> {
                      const Signal signal = exchange.signal();
                      co_await exchange.off_thread([signal] {
                        signal.ring();
                        signal.ring();
                      });
                      co_await exchange.wait();
                      const bool again = co_await exchange.wait_for(0);
                      co_return co_await test_routes::text(exchange, again ? "twice" : "once");
                    }});
  TestServer test({}, std::move(routes));
  EXPECT_EQ(test.client().get("/early").body, "once");
}

TEST(Signal, AWaitMayHaveAnEnd) {
  std::atomic<int> waiting = 0;
  std::vector<Route> routes;
  routes.push_back({Method::kGet, "/timed", [&](Exchange& exchange) -> Task<Answered> {
                      ++waiting;
                      const bool rung = co_await exchange.wait_for(15);
                      co_return co_await test_routes::text(exchange, rung ? "rung" : "late");
                    }});
  TestServer test({}, std::move(routes));
  Client client = test.client();
  client.send("GET /timed HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return waiting == 1; }));
  test.advance_until([&] { return test.seen.ended().size() == 1; });
  EXPECT_EQ(client.read_reply().body, "late");
}

TEST(OffThread, IsNotBegunForAClientThatHasGone) {
  std::atomic<int> runs = 0;
  std::atomic<bool> blocked = true;
  std::vector<Route> routes;
  routes.push_back({Method::kGet, "/block", [&](Exchange& exchange) -> Task<Answered> {
                      co_await exchange.off_thread([&] {
                        ++runs;
                        while (blocked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
                      });
                      co_return co_await test_routes::text(exchange, "done");
                    }});
  ServerOptions options;
  options.workers = 1;
  TestServer test(std::move(options), std::move(routes));
  constexpr std::string_view kBlock = "GET /block HTTP/1.1\r\nHost: a\r\n\r\n";
  Client first = test.client();
  first.send(kBlock);
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  // The network thread isn't held up by what its workers do.
  EXPECT_TRUE(test.answers());
  {
    Client second = test.client();
    second.send(std::string(kBlock));
    EXPECT_TRUE(test.answers());
  }
  // What the client's system says of the end comes in its own time.
  for (int turn = 0; turn < 30; ++turn) EXPECT_TRUE(test.answers());
  blocked = false;
  EXPECT_EQ(first.read_reply().body, "done");
  EXPECT_TRUE(eventually([&] { return test.server->connections() == 1; }));
  EXPECT_EQ(runs, 1);
}

TEST(OffThread, ShortLaborDoesNotWaitForLong) {
  std::atomic<int> runs = 0;
  std::atomic<bool> blocked = true;
  std::vector<Route> routes;
  routes.push_back({Method::kGet, "/long", [&](Exchange& exchange) -> Task<Answered> {
                      co_await exchange.off_thread(
                          [&] {
                            ++runs;
                            while (blocked)
                              std::this_thread::sleep_for(std::chrono::milliseconds(1));
                          },
                          Labor::kLong);
                      co_return co_await test_routes::text(exchange, "done");
                    }});
  routes.push_back({Method::kGet, "/short", [](Exchange& exchange) -> Task<Answered> {
                      std::string said =
                          co_await exchange.off_thread([] { return std::string("said"); });
                      co_return co_await test_routes::text(exchange, std::move(said));
                    }});
  ServerOptions options;
  options.workers = 1;
  TestServer test(std::move(options), std::move(routes));
  // Before the server's end waits for it, however this ends.
  const std::shared_ptr<void> release(nullptr, [&](void*) { blocked = false; });
  Client first = test.client();
  Client second = test.client();
  for (Client* client : {&first, &second}) client->send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  Client third = test.client();
  third.send("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(third.read_reply().body, "said");
  // Those that are long follow each other.
  EXPECT_EQ(runs, 1);
  blocked = false;
  EXPECT_EQ(first.read_reply().body, "done");
  EXPECT_EQ(second.read_reply().body, "done");
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace sirocco::http
