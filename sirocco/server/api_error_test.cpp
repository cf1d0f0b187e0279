#include "sirocco/server/api_error.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco {
namespace {

TEST(ApiError, OfARequest) {
  const ApiError error = api_error(InvalidRequest("messages[2].role", "invalid_value", "no"));
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.message, "no");
  EXPECT_EQ(error.param, "messages[2].role");
  EXPECT_EQ(error.code, "invalid_value");
}

TEST(ApiError, OfTheEngine) {
  struct Case {
    ApiError error;
    int status;
    std::string_view code;
  };
  const Case cases[] = {
      {api_error(InvalidArgument("x")), 400, "invalid_argument"},
      {api_error(ResourceExhausted("x")), 400, "resource_exhausted"},
      {api_error(Busy("x")), 429, "busy"},
      {api_error(NotANumber("x")), 500, "not_a_number"},
      {api_error(UnsupportedError("x")), 422, "unsupported"},
      {api_error(Ending{FinishReason::kFailed, ErrorKind::kNotANumber, "x"}), 500, "not_a_number"},
      {api_error(429, "x"), 429, "rate_limit_exceeded"},
      {api_error(401, "x"), 401, "invalid_api_key"},
      {api_error(418, "x"), 418, "invalid_request"},
      {api_error(599, "x"), 599, "internal_error"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(c.error.status, c.status);
    EXPECT_EQ(c.error.message, "x");
    EXPECT_EQ(c.error.code, c.code);
    EXPECT_EQ(c.error.param, "");
  }
}

TEST(ApiError, OfAFailure) {
  const ApiError error = api_error(ApiFailure({408, "late", "timeout", "timeout"}));
  EXPECT_EQ(error.status, 408);
  EXPECT_EQ(error.message, "late");
  EXPECT_EQ(error.param, "timeout");
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
  EXPECT_EQ(error.code, "model_not_found");
  EXPECT_EQ(error.param, "model");
  EXPECT_EQ(model_not_found("c", {}).message, "there is no model 'c'; there are none");
}

}  // namespace
}  // namespace sirocco
