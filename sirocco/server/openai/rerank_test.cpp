#include "sirocco/server/openai/rerank.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/server/json/refusal_testing.hpp"

namespace sirocco::openai {
namespace {

using testing::ElementsAre;

RerankRequest read(const std::string& body) { return read_rerank_request(json::parse(body)); }

TEST(Rerank, ReadsItsMembers) {
  const RerankRequest request = read(R"({"model":"m","query":"q","documents":["a",{"text":"b"}],
      "top_n":1,"return_documents":true,"user":"u"})");
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.query, "q");
  EXPECT_THAT(request.documents, ElementsAre("a", "b"));
  EXPECT_EQ(request.top, 1);
  EXPECT_TRUE(request.return_documents);
  EXPECT_FALSE(read(R"({"query":"","documents":[""]})").top);
}

TEST(Rerank, RefusesWhatItCanNotBe) {
  const auto param = [](const std::string& body) {
    const auto refusal = json_testing::refusal_of([&] { read(body); });
    return refusal ? refusal->param : "accepted";
  };
  EXPECT_EQ(param(R"({"documents":["a"]})"), "query");
  EXPECT_EQ(param(R"({"query":"a"})"), "documents");
  EXPECT_EQ(param(R"({"query":"a","documents":[]})"), "documents");
  EXPECT_EQ(param(R"({"query":"a","documents":["a",5]})"), "documents[1]");
  EXPECT_EQ(param(R"({"query":"a","documents":[{"title":"a"}]})"), "documents[0]");
  EXPECT_EQ(param(R"({"query":"a","documents":["a"],"top_n":0})"), "top_n");
  EXPECT_EQ(param(R"({"query":"a","documents":["a"],"rank":1})"), "rank");
}

TEST(Rerank, PutsTheBestFirst) {
  const std::vector<float> query = {2, 0};
  const std::vector<std::vector<float>> documents = {{0, 1},  {3, 3}, {5, 0},
                                                     {-1, 0}, {1, 1}, {0, 0}};
  const auto all = ranked(query, documents, 9);
  std::vector<std::size_t> order;
  for (const RankedDocument& document : all) order.push_back(document.index);
  EXPECT_THAT(order, ElementsAre(2, 1, 4, 0, 5, 3));
  EXPECT_EQ(all[0].score, 1.0f);
  EXPECT_FLOAT_EQ(all[1].score, 0.70710678f);
  EXPECT_EQ(all[5].score, -1.0f);
  EXPECT_EQ(ranked(query, documents, 2).size(), 2u);
}

TEST(Rerank, Body) {
  RerankRequest request;
  request.documents = {"a", "b\"c"};
  const std::vector<RankedDocument> results = {{1, 0.5f}, {0, -0.25f}};
  EXPECT_EQ(rerank_body("m", request, results, 7),
            R"({"model":"m","results":[{"index":1,"relevance_score":0.5},)"
            R"({"index":0,"relevance_score":-0.25}],)"
            R"("usage":{"prompt_tokens":7,"total_tokens":7}})");
  request.return_documents = true;
  EXPECT_EQ(rerank_body("m", request, std::span(results).first(1), 7),
            R"({"model":"m","results":[{"index":1,"relevance_score":0.5,)"
            R"("document":{"text":"b\"c"}}],"usage":{"prompt_tokens":7,"total_tokens":7}})");
}

}  // namespace
}  // namespace sirocco::openai
