#include "sirocco/server/openai/error_body.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sirocco::openai {
namespace {

using Json = nlohmann::json;

TEST(OpenAiErrorBody, HasTheShape) {
  EXPECT_EQ(Json::parse(error_body({400, "no \xff", "messages[2].role", "invalid_value"})),
            Json::parse(R"({"error":{"message":"no �",
      "type":"invalid_request_error","param":"messages[2].role","code":"invalid_value"}})"));
  EXPECT_TRUE(Json::parse(error_body({400, "x", "", "invalid_json"}))["error"]["param"].is_null());
}

TEST(OpenAiErrorBody, TypesFollowFromTheStatus) {
  const auto type = [](int status) {
    return Json::parse(error_body(api_error(status, "x")))["error"]["type"];
  };
  for (const int status : {400, 405, 413, 418, 422, 431, 499})
    EXPECT_EQ(type(status), "invalid_request_error") << status;
  for (const int status : {500, 501, 599}) EXPECT_EQ(type(status), "server_error") << status;
  EXPECT_EQ(type(401), "authentication_error");
  EXPECT_EQ(type(403), "permission_error");
  EXPECT_EQ(type(404), "not_found_error");
  EXPECT_EQ(type(408), "timeout_error");
  EXPECT_EQ(type(429), "rate_limit_error");
  EXPECT_EQ(type(503), "unavailable_error");
}

}  // namespace
}  // namespace sirocco::openai
