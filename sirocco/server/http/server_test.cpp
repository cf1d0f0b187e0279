#include "sirocco/server/http/server.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sirocco/server/http/server_testing.hpp"

namespace sirocco::http {
namespace {

TEST(Server, AnswersAndKeepsTheConnection) {
  TestServer test;
  Client client = test.client();
  for (int i = 0; i < 3; ++i) {
    const Reply reply = client.get("/hello");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "hello");
    EXPECT_EQ(reply.header("content-type"), "text/plain");
    EXPECT_FALSE(reply.header("date").empty());
    EXPECT_TRUE(reply.header("connection").empty());
  }
  EXPECT_EQ(client.post("/echo", "a body").body, "a body");
  EXPECT_EQ(client.post("/echo", "").body, "");
  EXPECT_EQ(client.get("/models/a%2Fb").body, "a/b");
  EXPECT_EQ(test.server->connections(), 1u);
}

TEST(Server, SaysWhatItHasNot) {
  TestServer test;
  Client client = test.client();
  EXPECT_EQ(client.get("/nothing").status, 404);
  const Reply reply = client.get("/echo");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.header("allow"), "POST");
  EXPECT_EQ(client.request("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n").header("allow"),
            "GET, HEAD");
  EXPECT_EQ(client.request("BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 405);
  // Whoever sends a body to nowhere has to begin anew: it isn't read.
  const Reply refused = client.post("/nothing", "body");
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.header("connection"), "close");
  EXPECT_TRUE(client.is_closed());
}

TEST(Server, HeadHasTheHeadersAndNoBody) {
  TestServer test;
  Client client = test.client();
  for (const char* target : {"/hello", "/events"}) {
    client.send("HEAD " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.read_reply(false).status, 200);
  }
  // Nothing was left over that would be taken for this answer.
  EXPECT_EQ(client.get("/hello").body, "hello");
}

TEST(Server, AnswersPipelinedRequestsInTheirOrder) {
  TestServer test;
  Client client = test.client();
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += "GET /models/" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    requests += "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    requests += "1;x=y\r\nd\r\n0\r\nTrailer: t\r\n\r\n";
  }
  client.send(requests);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(client.read_reply().body, std::to_string(i));
    ASSERT_EQ(client.read_reply().body, "abcd");
  }
}

TEST(Server, TakesRequestsByteByByte) {
  TestServer test;
  Client client = test.client();
  for (const char byte : std::string("\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                     "chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")) {
    client.send(std::string_view(&byte, 1));
  }
  EXPECT_EQ(client.read_reply().body, "ok");
}

TEST(Server, TellsThatABodyMayCome) {
  TestServer test;
  Client client = test.client();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_reply(false).status, 100);
  client.send("ok");
  EXPECT_EQ(client.read_reply().body, "ok");
  // Not for one that isn't wanted.
  client.send(
      "POST /small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 413);
  EXPECT_TRUE(client.is_closed());
}

TEST(Server, SpeaksHttp10) {
  TestServer test;
  Client kept = test.client();
  for (int i = 0; i < 2; ++i) {
    const Reply reply = kept.request("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(reply.body, "hello");
    EXPECT_EQ(reply.header("connection"), "keep-alive");
  }
  Client client = test.client();
  const Reply reply = client.request("GET /events?n=2 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(reply.header("transfer-encoding"), "");
  EXPECT_EQ(reply.header("connection"), "close");
  EXPECT_TRUE(reply.body.ends_with("data: number 1\n\n")) << reply.body;
}

TEST(Server, ClosesWhereTheClientAsksForIt) {
  TestServer test;
  Client client = test.client();
  EXPECT_EQ(client.get("/hello", "Connection: close\r\n").header("connection"), "close");
  EXPECT_TRUE(client.is_closed());
}

TEST(Server, NamesRequests) {
  TestServer test;
  Client client = test.client();
  const std::string first = client.get("/hello").header("x-request-id");
  EXPECT_TRUE(first.starts_with("req-"));
  EXPECT_NE(client.get("/hello").header("x-request-id"), first);
  EXPECT_EQ(client.get("/hello", "X-Request-Id: mine-1\r\n").header("x-request-id"), "mine-1");
  EXPECT_TRUE(
      client.get("/hello", "X-Request-Id: a b\r\n").header("x-request-id").starts_with("req-"));
}

TEST(Server, TurnsWhatHandlersThrowIntoAnswers) {
  TestServer test;
  Client client = test.client();
  EXPECT_EQ(client.get("/fail?kind=missing").status, 404);
  EXPECT_EQ(client.get("/fail?kind=full").status, 400);
  const Reply full = client.get("/fail?kind=busy");
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.header("retry-after"), "1");
  for (const char* kind : {"io", "other", "number"}) {
    const Reply reply = client.get("/fail?kind=" + std::string(kind));
    EXPECT_EQ(reply.status, 500);
    EXPECT_EQ(reply.body.find("secret"), std::string::npos);
  }
  EXPECT_EQ(client.get("/hello").status, 200);
  // What has begun can only be cut off: the last chunk never comes.
  const Reply cut = client.get("/fail?kind=middle");
  EXPECT_EQ(cut.status, 200);
  EXPECT_FALSE(cut.whole);
  EXPECT_TRUE(eventually([&] { return test.seen.ended().size() == 8; }));
  EXPECT_TRUE(test.seen.ended().back().cut_off);
}

TEST(Server, AsksItsOwnerForTheBodiesOfErrors) {
  ServerOptions options;
  options.error_body = [](const Refusal& refusal, const Request& request) {
    return ErrorBody{"application/json",
                     "{\"" + refusal.code + "\":\"" + request.raw_path + request.id + "\"}"};
  };
  TestServer test(std::move(options));
  Client client = test.client();
  const Reply reply = client.get("/a%20b?query", "X-Request-Id: mine\r\n");
  EXPECT_EQ(reply.header("content-type"), "application/json");
  EXPECT_EQ(reply.body, "{\"no_such_path\":\"/a%20bmine\"}");
}

TEST(Server, AsksTheGateBeforeTheBodyComes) {
  ServerOptions options;
  options.gate = [](const Request& request, bool open) {
    GateResult result;
    result.headers.push_back({"X-Gate", "passed"});
    if (const auto key = request.header("key")) {
      result.verdict = Caller{7, std::string(*key)};
    } else if (!open) {
      result.verdict = Refusal{401, "no_key", "none", {}};
    }
    return result;
  };
  TestServer test(std::move(options));
  Client client = test.client();
  EXPECT_EQ(client.get("/hello").header("x-gate"), "passed");
  EXPECT_EQ(client.get("/who", "Key: ann\r\n").body, "ann 127.0.0.1");
  // Nobody learns which paths there are.
  EXPECT_EQ(client.get("/nothing").status, 401);
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.header("x-gate"), "passed");
  EXPECT_EQ(test.seen.bodies, 0);
  EXPECT_TRUE(eventually([&] { return test.seen.ended().size() == 4; }));
  EXPECT_EQ(test.seen.ended()[1].key_label, "ann");
}

TEST(Server, TellsOfEachExchange) {
  TestServer test;
  Client client = test.client();
  client.get("/hello?key=secret");
  client.post("/echo", "four");
  ASSERT_TRUE(eventually([&] { return test.seen.ended().size() == 2; }));
  const std::vector<ExchangeRecord> records = test.seen.ended();
  EXPECT_EQ(records[0].raw_path, "/hello");
  EXPECT_EQ(records[0].status, 200);
  EXPECT_EQ(records[0].route, "/hello");
  EXPECT_EQ(records[0].sent_bytes, 5u);
  EXPECT_EQ(records[1].method, "POST");
  EXPECT_EQ(records[1].peer, "127.0.0.1");
  EXPECT_EQ(access_line({"req-1", "POST", "/a\nb", "10.0.0.1", "2", 200, 12, 0.25, true}),
            "req-1 10.0.0.1 POST '/a\\x0ab' 200 12 bytes 0.250 s key 2 cut off");
}

TEST(Server, RunsWorkOffItsThread) {
  TestServer test;
  Client client = test.client();
  EXPECT_EQ(client.get("/off_thread").body, "elsewhere and back");
  EXPECT_EQ(client.get("/off_thread?fails").status, 400);
}

TEST(Server, ListensWhereItIsTold) {
  ServerOptions options;
  options.host = "localhost";
  TestServer test(options);
  EXPECT_EQ(test.server->addresses()[0], "127.0.0.1:" + std::to_string(test.server->port()));
  EXPECT_TRUE(test.answers());

  options.host = "no.such.host.invalid";
  EXPECT_THROW(TestServer{options}, InvalidArgument);
  options.host = "203.0.113.1";
  EXPECT_THROW(TestServer{options}, IoError);
  options.host = "127.0.0.1";
  options.port = test.server->port();
  EXPECT_THROW(Server(Routes({}), options), IoError);
  options.port = 0;
  options.workers = 0;
  EXPECT_THROW(Server(Routes({}), options), InvalidArgument);
}

TEST(Server, DrainsByEndingWhatRuns) {
  TestServer test;
  Client idle = test.client();
  EXPECT_EQ(idle.get("/hello").status, 200);
  Client running = test.client();
  running.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
  Client begun = test.client();
  begun.send("GET /hello HTTP/1.1\r\nHost");
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 1; }));
  // Whoever is accepted later is answered later: what was begun has been read then.
  EXPECT_EQ(test.client().get("/hello").status, 200);
  test.server->drain();
  EXPECT_TRUE(idle.is_closed());
  EXPECT_FALSE(test.client().connected() && test.answers());
  const Reply late = begun.request(": a\r\n\r\n");
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(late.header("retry-after"), "1");
  EXPECT_FALSE(test.server->wait_until_closed(0));
  test.seen.ring();
  const Reply last = running.read_reply();
  EXPECT_EQ(last.body, "rung");
  EXPECT_EQ(last.header("connection"), "close");
  running.close();
  begun.close();
  EXPECT_TRUE(test.server->wait_until_closed(60));
}

TEST(Server, KeepsUpFromItsStartToDrain) {
  std::atomic<int> done = 0;
  ServerOptions options;
  options.upkeep = {.every_s = 0.004, .work = [&] { ++done; }};
  TestServer test(options);
  EXPECT_EQ(test.client().get("/hello").status, 200);
  // The clock stands still, however much time passes.
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(done, 0);
  for (int times = 1; times <= 3; ++times) {
    test.clock = test.clock + 0.005;
    ASSERT_TRUE(eventually([&] { return done == times; }));
  }
  Client running = test.client();
  running.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 1; }));
  test.server->drain();
  ASSERT_TRUE(eventually([&] { return !test.client().connected(); }));
  // Time for what would come if it hadn't ended.
  test.clock = test.clock + 1;
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  test.seen.ring();
  EXPECT_EQ(running.read_reply().body, "rung");
  running.close();
  EXPECT_TRUE(test.server->wait_until_closed(60));
  test.server->stop();
  EXPECT_EQ(done, 3);
}

TEST(Server, StopsAtOnce) {
  TestServer test;
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(test.client());
    clients.back().send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  clients.push_back(test.client());
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 5; }));
  test.server->stop();
  EXPECT_EQ(test.seen.gone, 5);
  EXPECT_EQ(test.server->connections(), 0u);
  for (Client& client : clients) EXPECT_TRUE(client.is_closed());
  // Rings that come too late wake nobody.
  test.seen.ring();
  test.server->stop();
}

TEST(Server, NeedNotBeStarted) {
  ServerOptions options;
  options.port = 0;
  Server server(Routes({}), options);
  EXPECT_NE(server.port(), 0);
}

}  // namespace
}  // namespace sirocco::http
