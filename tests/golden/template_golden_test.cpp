#include "tests/golden/template_golden.hpp"

#include <gtest/gtest.h>

#include <map>

#include "sirocco/base/error.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

const std::string kFolder = source_path("tests/golden/templates/");

/// Every recorded case renders to jinja2's bytes, or fails where jinja2 fails.
TEST(ChatTemplateGolden, OwnCorpus) {
  std::map<std::string, ChatContext> contexts;
  for (const auto& context : OrderedJson::parse(read_file(kFolder + "contexts.json"))) {
    contexts[context["name"]] = golden_context(context);
  }
  contexts["values"] = golden_context(OrderedJson::parse(read_file(kFolder + "values.json")));
  const auto golden = OrderedJson::parse(read_file(kFolder + "expected.json"));
  ASSERT_GT(golden["cases"].size(), 500U);
  int wrong = 0;
  for (const auto& entry : golden["cases"]) {
    const std::string name = entry["name"];
    const std::string source = entry.contains("template")
                                   ? std::string(entry["template"])
                                   : read_file(kFolder + "corpus/" + name + ".jinja");
    std::string got;
    std::string error;
    try {
      got = ChatTemplate(source).render(contexts.at(entry["context"])).text;
    } catch (const Error& failure) {
      error = failure.what();
    }
    const auto& output = entry["output"];
    const bool right =
        output.is_null() ? !error.empty() : error.empty() && got == output.get<std::string>();
    if (right) continue;
    if (++wrong > 40) continue;
    ADD_FAILURE() << name << " over " << entry["context"] << ":\n"
                  << (entry.contains("template") ? source : "") << "\nexpected: " << output
                  << "\nfound:    "
                  << OrderedJson(got).dump(-1, ' ', false, OrderedJson::error_handler_t::replace)
                  << "\nerror:    " << error;
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace sirocco
