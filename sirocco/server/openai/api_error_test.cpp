#include "sirocco/server/openai/api_error.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco::openai {
namespace {

using Json = nlohmann::json;

Json body_of(const ApiError& error) { return Json::parse(error_body(error)); }

TEST(ApiError, OfARequest) {
  const ApiError error = api_error(InvalidRequest("messages[2].role", "invalid_value", "no \xff"));
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(body_of(error), Json::parse(R"({"error":{"message":"no �",
      "type":"invalid_request_error","param":"messages[2].role","code":"invalid_value"}})"));
  EXPECT_TRUE(
      body_of(api_error(InvalidRequest("", "invalid_json", "x")))["error"]["param"].is_null());
}

TEST(ApiError, OfTheEngine) {
  struct Case {
    ApiError error;
    int status;
    std::string_view type;
    std::string_view code;
  };
  const Case cases[] = {
      {api_error(InvalidArgument("x")), 400, "invalid_request_error", "invalid_argument"},
      {api_error(ResourceExhausted("x")), 400, "invalid_request_error", "resource_exhausted"},
      {api_error(Busy("x")), 429, "rate_limit_error", "busy"},
      {api_error(NotANumber("x")), 500, "server_error", "not_a_number"},
      {api_error(UnsupportedError("x")), 422, "invalid_request_error", "unsupported"},
      {api_error(Ending{FinishReason::kFailed, ErrorKind::kNotANumber, "x"}), 500, "server_error",
       "not_a_number"},
      {api_error(429, "x"), 429, "rate_limit_error", "rate_limit_exceeded"},
      {api_error(401, "x"), 401, "authentication_error", "invalid_api_key"},
      {api_error(418, "x"), 418, "invalid_request_error", "invalid_request"},
      {api_error(599, "x"), 599, "server_error", "internal_error"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(c.error.status, c.status);
    EXPECT_EQ(c.error.message, "x");
    EXPECT_EQ(body_of(c.error)["error"]["type"], c.type);
    EXPECT_EQ(body_of(c.error)["error"]["code"], c.code);
  }
}

TEST(ApiError, KeepsTheServersAffairsToItself) {
  const ApiError error = api_error(std::runtime_error("pointer 0x1234"));
  EXPECT_EQ(error.status, 500);
  EXPECT_EQ(error.message.find("0x1234"), std::string::npos);
}

TEST(ApiError, UnknownModel) {
  const std::vector<std::string> names = {"a", "b"};
  const ApiError error = model_not_found("c\n", names);
  EXPECT_EQ(error.status, 404);
  EXPECT_EQ(error.message, "there is no model 'c\\x0a'; there are a, b");
  EXPECT_EQ(body_of(error)["error"]["code"], "model_not_found");
  EXPECT_EQ(body_of(error)["error"]["param"], "model");
  EXPECT_EQ(model_not_found("c", {}).message, "there is no model 'c'; there are none");
}

}  // namespace
}  // namespace sirocco::openai
