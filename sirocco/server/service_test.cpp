#include "sirocco/server/service.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/server/generate.hpp"
#include "sirocco/server/http/server_testing.hpp"
#include "sirocco/server/openai/responses/response_store.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::json;

Json told_at(std::string path) {
  http::Request request;
  request.path = std::move(path);
  request.id = "req-7";
  const http::ErrorBody body = service_error_body({413, "body_too_large", "large", {}}, request);
  EXPECT_EQ(body.content_type, "application/json");
  return Json::parse(body.body);
}

TEST(Service, TellsErrorsInTheShapeOfThePathsApi) {
  const Json anthropic = Json::parse(R"({"type":"error","request_id":"req-7",
      "error":{"type":"request_too_large","message":"large"}})");
  const Json openai = Json::parse(R"({"error":{"message":"large",
      "type":"invalid_request_error","param":null,"code":"body_too_large"}})");
  for (const char* path : {"/v1/messages", "/v1/messages/count_tokens", "/v1/messages/none"})
    EXPECT_EQ(told_at(path), anthropic) << path;
  for (const char* path :
       {"", "/", "/v1/messagesx", "/v1/chat/completions", "/v1", "/x/v1/messages"})
    EXPECT_EQ(told_at(path), openai) << path;
}

TEST(Service, ItsServerFreesResponsesThatExpired) {
  Machine machine;
  Engine engine(machine);
  ServedModels models;
  std::atomic<double> now = 0;
  const Service service(engine, models,
                        {.responses = {.max_unused_s = 60}, .clock = [&] { return now.load(); }});
  http::ServerOptions options;
  options.upkeep = service_upkeep(service);
  EXPECT_EQ(options.upkeep.every_s, 1);
  http::TestServer server(std::move(options));
  const auto put = [&] {
    const std::string id = new_id("resp_");
    openai::MessageItem output{new_id("msg_"), openai::Role::kAssistant, {"said"}};
    service.responses().put(1, id,
                            {"body", std::make_shared<const openai::Turn>(
                                         nullptr, std::vector<openai::MessageItem>(), output)});
  };
  put();
  now = 30;
  put();
  EXPECT_EQ(service.responses().held().responses, 2u);
  const auto held_at = [&](double time, std::size_t responses) {
    now = time;
    return http::eventually([&] {
      server.clock = server.clock + 1;
      return service.responses().held().responses == responses;
    });
  };
  EXPECT_TRUE(held_at(61, 1));
  EXPECT_TRUE(held_at(91, 0));
  EXPECT_EQ(service.responses().held().bytes, 0u);
}

TEST(Service, LooksAfterResponsesNoSeldomerThanOnceAMinute) {
  Machine machine;
  Engine engine(machine);
  ServedModels models;
  for (const auto& [unused_s, every_s] : {std::pair(0.0, 1.0), {1800.0, 30.0}, {86400.0, 60.0}}) {
    const Service service(engine, models, {.responses = {.max_unused_s = unused_s}});
    EXPECT_EQ(service_upkeep(service).every_s, every_s);
  }
}

}  // namespace
}  // namespace sirocco
