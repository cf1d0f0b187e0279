#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sirocco/server/http/server_testing.hpp"

namespace sirocco::http {
namespace {

constexpr std::string_view kPostHead = "POST /echo HTTP/1.1\r\nHost: a\r\n";

ServerOptions with(const Limits& limits) {
  ServerOptions options;
  options.limits = limits;
  return options;
}

TEST(ServerLimits, Heads) {
  TestServer test(with({.max_head_bytes = 1000, .max_header_fields = 5}));
  Client client = test.client();
  EXPECT_EQ(client.get("/hello", "A: " + std::string(900, 'a') + "\r\n").status, 200);
  EXPECT_EQ(client.get("/hello", "A: " + std::string(1000, 'a') + "\r\n").status, 431);
  EXPECT_TRUE(client.is_closed());

  // Without an end too, and at once.
  Client endless = test.client();
  endless.send("GET /" + std::string(1100, 'a'));
  EXPECT_EQ(endless.read_reply().status, 431);

  Client many = test.client();
  EXPECT_EQ(many.get("/hello", "A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\n").status, 200);
  EXPECT_EQ(many.get("/hello", "A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\n").status, 431);
}

TEST(ServerLimits, Bodies) {
  TestServer test(with({.max_body_bytes = 100}));
  EXPECT_EQ(test.client().post("/echo", std::string(100, 'a')).status, 200);
  EXPECT_EQ(test.client().post("/echo", std::string(101, 'a')).status, 413);
  EXPECT_EQ(test.client().post("/small", std::string(10, 'a')).status, 200);
  EXPECT_EQ(test.client().post("/small", std::string(11, 'a')).status, 413);

  // Before it is there: of what is announced nothing has been sent.
  Client announced = test.client();
  announced.send(std::string(kPostHead) + "Content-Length: 18446744073709551615\r\n\r\n");
  EXPECT_EQ(announced.read_reply().status, 413);
  Client chunk = test.client();
  chunk.send(std::string(kPostHead) + "Transfer-Encoding: chunked\r\n\r\n65\r\n");
  EXPECT_EQ(chunk.read_reply().status, 413);
  Client chunks = test.client();
  chunks.send(std::string(kPostHead) + "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 11; ++i) chunks.send("a\r\n0123456789\r\n");
  EXPECT_EQ(chunks.read_reply().status, 413);
  EXPECT_EQ(test.seen.bodies, 1);
}

TEST(ServerLimits, ARefusedBodyDoesNotCostTheClientTheAnswer) {
  TestServer test(with({.max_body_bytes = 100}));
  Client client = test.client();
  // More than the system holds: it is sent while the answer is on its way.
  client.send(std::string(kPostHead) + "Content-Length: 3000000\r\n\r\n");
  client.send(std::string(3'000'000, 'a'));
  EXPECT_EQ(client.read_reply().status, 413);
}

TEST(ServerLimits, MemoryOfAllBodies) {
  TestServer test(with({.max_all_body_bytes = 1 << 20}));
  const std::string half = std::string(600 << 10, 'a');
  Client holds = test.client();
  holds.send("POST /silent HTTP/1.1\r\nHost: a\r\nContent-Length: 614400\r\n\r\n" + half);
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 1; }));
  const Reply refused = test.client().post("/echo", half);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("retry-after"), "1");
  EXPECT_EQ(test.client().post("/echo", "little").status, 200);
  test.seen.ring();
  EXPECT_EQ(holds.read_reply().status, 200);
  // They were given back.
  EXPECT_TRUE(eventually([&] { return test.client().post("/echo", half).status == 200; }));
}

TEST(ServerLimits, TimeForAHead) {
  TestServer test(with({.head_s = 10}));
  Client nothing = test.client();
  Client slow = test.client();
  slow.send("GET /hello HTTP/1.1\r\n");
  Client other = test.client();
  EXPECT_EQ(other.get("/hello").status, 200);
  test.clock = 1009;
  EXPECT_EQ(other.get("/hello").status, 200);
  slow.send("Host: a\r\n");
  EXPECT_EQ(other.get("/hello").status, 200);
  test.clock = 1010.5;
  EXPECT_EQ(slow.read_reply().status, 408);
  EXPECT_TRUE(slow.is_closed());
  EXPECT_TRUE(nothing.is_closed());
  EXPECT_EQ(other.get("/hello").status, 200);
}

TEST(ServerLimits, TimeForABodyThatDoesNotCome) {
  TestServer test(with({.body_stall_s = 30}));
  Client slow = test.client();
  slow.send(std::string(kPostHead) + "Content-Length: 4\r\n\r\n");
  // Each byte is given its time.
  for (int i = 1; i <= 3; ++i) {
    slow.send("a");
    ASSERT_EQ(test.client().get("/hello").status, 200);
    test.clock = 1000 + 20 * i;
    ASSERT_EQ(test.client().get("/hello").status, 200);
  }
  test.clock = 1200;
  EXPECT_EQ(slow.read_reply().status, 408);
}

TEST(ServerLimits, TimeForABodyThatTrickles) {
  TestServer test(with({.body_stall_s = 30, .body_s = 100}));
  Client slow = test.client();
  slow.send(std::string(kPostHead) + "Content-Length: 100\r\n\r\n");
  for (int i = 1; i <= 4; ++i) {
    slow.send("a");
    ASSERT_EQ(test.client().get("/hello").status, 200);
    test.clock = 1000 + 20 * i;
    ASSERT_EQ(test.client().get("/hello").status, 200);
  }
  slow.send("a");
  ASSERT_EQ(test.client().get("/hello").status, 200);
  test.clock = 1100.5;
  EXPECT_EQ(slow.read_reply().status, 408);
}

TEST(ServerLimits, TimeBetweenRequests) {
  TestServer test(with({.head_s = 10, .idle_s = 75}));
  Client client = test.client();
  EXPECT_EQ(client.get("/hello").status, 200);
  test.clock = 1070;
  EXPECT_EQ(client.get("/hello").status, 200);
  test.clock = 1140;
  EXPECT_EQ(client.get("/hello").status, 200);
  // It may have looked at the clock only after it was set.
  test.advance_until([&] { return test.server->connections() == 0; });
  EXPECT_TRUE(client.is_closed());
}

TEST(ServerLimits, ARunningRequestIsNotIdle) {
  TestServer test;
  Client client = test.client();
  client.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 1; }));
  test.clock = 100'000;
  EXPECT_TRUE(test.answers());
  test.seen.ring();
  EXPECT_EQ(client.read_reply().body, "rung");
}

TEST(ServerLimits, TimeForAnAnswerThatIsNotTaken) {
  TestServer test(with({.write_stall_s = 30}));
  Client client = test.client(4096);
  client.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
  int before = -1;
  ASSERT_TRUE(eventually([&] {
    const int now = test.seen.pieces;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return now > 0 && std::exchange(before, now) == now;
  }));
  EXPECT_EQ(test.seen.gone, 0);
  test.clock = 1031;
  EXPECT_TRUE(eventually([&] { return test.seen.gone == 1; }));
  EXPECT_LT(test.seen.pieces, 1600);
  EXPECT_TRUE(eventually([&] { return test.server->connections() == 0; }));
}

TEST(ServerLimits, Connections) {
  TestServer test(with({.max_connections = 3}));
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(test.client());
    EXPECT_EQ(clients.back().get("/hello").status, 200);
  }
  Client refused = test.client();
  EXPECT_EQ(refused.read_reply().status, 503);
  EXPECT_TRUE(refused.is_closed());
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return test.server->connections() == 2; }));
  EXPECT_TRUE(test.answers());
}

TEST(ServerLimits, ConnectionsOfAnAddress) {
  TestServer test(with({.max_connections_per_address = 1}));
  Client first = test.client();
  EXPECT_EQ(first.get("/hello").status, 200);
  EXPECT_EQ(test.client().read_reply().status, 503);
  EXPECT_EQ(first.get("/hello").status, 200);
}

TEST(ServerLimits, ManyIdleConnectionsCostTheActiveOneNothing) {
  TestServer test(with({.max_connections = 600, .max_connections_per_address = 600}));
  std::vector<Client> idle;
  for (int i = 0; i < 500; ++i) {
    idle.push_back(test.client());
    ASSERT_TRUE(idle.back().connected());
    if (i % 2 == 0) {
      ASSERT_EQ(idle.back().get("/hello").status, 200);
    }
  }
  Client active = test.client();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(active.get("/hello").status, 200);
  EXPECT_TRUE(eventually([&] { return test.server->connections() == 501; }));
  for (Client& client : idle) ASSERT_EQ(client.get("/hello").status, 200);
}

}  // namespace
}  // namespace sirocco::http
