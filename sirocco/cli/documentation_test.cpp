// The page on serving has the options that `sirocco serve` is declared with.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sirocco/cli/command.hpp"
#include "sirocco/cli/common_options.hpp"
#include "tests/support/page_testing.hpp"

namespace sirocco {
namespace {

constexpr const char* kPage = "docs/serving.md";

std::vector<OptionDescription> common_options() {
  return declared_options([](CommandLine& line) {
    std::vector<std::string> models;
    add_common_options(line, models);
  });
}

TEST(Documentation, HasAllOptionsOfServe) {
  const auto common = common_options();
  std::string table = "\n| option | default | |\n|---|---|---|\n";
  for (const OptionDescription& option : declared_options(declare_serve)) {
    if (std::ranges::find(common, option.names, &OptionDescription::names) != common.end())
      continue;
    table += fmt::format("| `{}` | {} | {} |\n", option.names, option.default_value, option.help);
  }
  expect_on_page(kPage, "options", table + "\n");
}

/// Those of all commands differ between processors: they are named.
TEST(Documentation, NamesTheOptionsOfAllCommands) {
  const std::string page = page_text(kPage);
  for (const OptionDescription& option : common_options()) {
    const std::string name = option.names.substr(0, option.names.find(','));
    EXPECT_NE(page.find("`" + name), std::string::npos) << kPage << " doesn't name " << name;
  }
}

}  // namespace
}  // namespace sirocco
