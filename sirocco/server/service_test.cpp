#include "sirocco/server/service.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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

}  // namespace
}  // namespace sirocco
