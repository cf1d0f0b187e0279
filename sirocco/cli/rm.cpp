#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/cli/terminal_text.hpp"
#include "sirocco/hub/model_store.hpp"
#include "sirocco/platform/byte_text.hpp"

namespace sirocco {
namespace {

struct Options {
  std::vector<std::string> names;
  bool quiet = false;
};

void remove(const Options& o) {
  ModelStore store(model_store());
  for (const std::string& name : o.names) {
    const StoredModel removed = store.remove(name);
    if (!o.quiet) {
      fmt::print(stderr, "removed {} ({})\n", terminal_safe(removed.name),
                 byte_text(removed.bytes));
    }
  }
}

}  // namespace

void declare_rm(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("name", options->names, "models as sirocco list names them").required();
  app.add_flag("--quiet", options->quiet, "say nothing");
  app.callback([options] { remove(*options); });
}

}  // namespace sirocco
