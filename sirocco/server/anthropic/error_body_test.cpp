#include "sirocco/server/anthropic/error_body.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sirocco::anthropic {
namespace {

using Json = nlohmann::json;

TEST(AnthropicErrorBody, HasTheShape) {
  EXPECT_EQ(Json::parse(error_body({400, "no \xff", "", "invalid_json"}, "req-1")),
            Json::parse(R"({"type":"error","error":{"type":"invalid_request_error",
                            "message":"no �"},"request_id":"req-1"})"));
}

TEST(AnthropicErrorBody, NamesThePlaceOnce) {
  const auto message = [](const char* said) {
    return Json::parse(error_body({400, said, "system", "x"}, "r"))["error"]["message"];
  };
  EXPECT_EQ(message("there is none"), "system: there is none");
  EXPECT_EQ(message("system: found 3"), "system: found 3");
}

TEST(AnthropicErrorBody, TypesFollowFromTheStatus) {
  const auto type = [](int status) {
    return Json::parse(error_body(api_error(status, "x"), "r"))["error"]["type"];
  };
  for (const int status : {400, 405, 418, 422, 431, 499})
    EXPECT_EQ(type(status), "invalid_request_error") << status;
  for (const int status : {500, 501, 599}) EXPECT_EQ(type(status), "api_error") << status;
  EXPECT_EQ(type(401), "authentication_error");
  EXPECT_EQ(type(403), "permission_error");
  EXPECT_EQ(type(404), "not_found_error");
  EXPECT_EQ(type(408), "timeout_error");
  EXPECT_EQ(type(413), "request_too_large");
  EXPECT_EQ(type(429), "rate_limit_error");
  EXPECT_EQ(type(503), "overloaded_error");
}

}  // namespace
}  // namespace sirocco::anthropic
