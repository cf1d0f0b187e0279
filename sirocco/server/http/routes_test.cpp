#include "sirocco/server/http/routes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco::http {
namespace {

Route route(Method method, std::string pattern) { return {method, std::move(pattern), {}}; }

Routes routes() {
  std::vector<Route> rows;
  rows.push_back(route(Method::kGet, "/models/{name...}"));
  rows.push_back(route(Method::kGet, "/models/{name}/files"));
  rows.push_back(route(Method::kGet, "/models/{name}"));
  rows.push_back(route(Method::kPost, "/models/load"));
  rows.push_back(route(Method::kDelete, "/models/{id}"));
  rows.push_back(route(Method::kGet, "/models"));
  rows.push_back(route(Method::kGet, "/"));
  return Routes(std::move(rows));
}

/// The pattern that answers, with its parameters.
std::string found(Method method, const std::vector<std::string>& segments) {
  const Routes table = routes();
  const Routes::Match match = table.find(method, segments);
  if (match.route == nullptr) return "none";
  std::string text = match.route->pattern;
  for (const auto& [name, value] : match.parameters) text += " " + name + "=" + value;
  return text;
}

TEST(Routes, FindTheRowOfAPath) {
  EXPECT_EQ(found(Method::kGet, {""}), "/");
  EXPECT_EQ(found(Method::kGet, {"models"}), "/models");
  EXPECT_EQ(found(Method::kHead, {"models"}), "/models");
  EXPECT_EQ(found(Method::kGet, {"models", "a"}), "/models/{name} name=a");
  EXPECT_EQ(found(Method::kGet, {"models", "a/b"}), "/models/{name} name=a/b");
  EXPECT_EQ(found(Method::kGet, {"models", "a", "b"}), "/models/{name...} name=a/b");
  EXPECT_EQ(found(Method::kGet, {"models", "a", "files"}), "/models/{name}/files name=a");
  EXPECT_EQ(found(Method::kPost, {"models", "load"}), "/models/load");
  EXPECT_EQ(found(Method::kGet, {"models", "load"}), "/models/{name} name=load");
  EXPECT_EQ(found(Method::kDelete, {"models", "load"}), "/models/{id} id=load");
}

TEST(Routes, FindNothingElsewhere) {
  EXPECT_EQ(found(Method::kGet, {}), "none");
  EXPECT_EQ(found(Method::kGet, {"models", ""}), "none");
  EXPECT_EQ(found(Method::kGet, {"Models"}), "none");
  EXPECT_EQ(found(Method::kGet, {"models", "", "files"}), "/models/{name...} name=/files");
  EXPECT_EQ(found(Method::kOther, {"models"}), "none");
  EXPECT_TRUE(routes().find(Method::kGet, {"nothing"}).allowed.empty());
  EXPECT_EQ(routes().find(Method::kPost, {"models", "a"}).allowed,
            (std::vector<Method>{Method::kGet, Method::kHead, Method::kDelete}));
}

TEST(Routes, RefuseWhatIsNoPattern) {
  for (const char* pattern :
       {"", "a", "/{", "/{}", "/{...}", "/a{b}", "/{a...}/b", "/{a}b", "/{{a}}", "/a}"}) {
    EXPECT_THROW(Routes({route(Method::kGet, pattern)}), InvalidArgument) << pattern;
  }
  EXPECT_THROW(Routes({route(Method::kGet, "/{a}"), route(Method::kPut, "/{c}"),
                       route(Method::kGet, "/{b}")}),
               InvalidArgument);
}

}  // namespace
}  // namespace sirocco::http
