#include "sirocco/server/openai/models.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sirocco::openai {
namespace {

TEST(Models, Bodies) {
  const std::vector<ModelCard> cards = {{"a", 5, 2048, {"chat", "completion", "multimodal"}},
                                        {"b/c", 6, 0}};
  EXPECT_EQ(model_body(cards[0]), R"({"id":"a","object":"model","created":5,)"
                                  R"("owned_by":"sirocco","max_model_len":2048,)"
                                  R"("capabilities":["chat","completion","multimodal"]})");
  EXPECT_EQ(models_body(cards), R"({"object":"list","data":[)" + model_body(cards[0]) + "," +
                                    model_body(cards[1]) + "]}");
  EXPECT_EQ(models_body({}), R"({"object":"list","data":[]})");
}

}  // namespace
}  // namespace sirocco::openai
