#include "sirocco/hub/pull.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/hub_pull.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/terminal_text.hpp"
#include "sirocco/platform/byte_text.hpp"

namespace sirocco {
namespace {

struct Options {
  std::optional<HubName> name;
  std::optional<std::string> revision;
  PullOptions pull;
  bool quiet = false;
};

void pull(const Options& o) {
  const HubName name = o.revision ? o.name->with_revision(*o.revision) : *o.name;
  const Pulled pulled = pull_from_hub(name, o.pull, o.quiet);
  if (o.pull.dry_run) {
    std::string out;
    for (const RepositoryFile& file : pulled.model.files)
      out += fmt::format("{:>10}  {}\n", byte_text(file.size), file.path.text());
    write_output(terminal_safe(out));
    if (!o.quiet)
      fmt::print(stderr, "{} at {}: {}\n", pulled.name, pulled.commit,
                 pulled.was_there ? "is in the store already"
                                  : fmt::format("{} would be fetched", byte_text(pulled.fetched)));
    return;
  }
  if (!o.quiet) {
    fmt::print(stderr, "{} {}\n", pulled.name,
               pulled.was_there ? "is in the store already" : "is in the store");
  }
  write_output(pulled.path.string() + "\n");
}

}  // namespace

void declare_pull(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  app.add_option_function<std::string>(
         "name",
         [options](const std::string& text) {
           options->name = HubName::parse(text);
           if (!options->name)
             throw BadValue(
                 "is no name of a hub's model: give ORG/NAME, and behind a colon a file "
                 "or a format such as Q4_K_M");
         },
         fmt::format(
             "ORG/NAME of a hub's model; ORG/NAME:FORMAT or ORG/NAME:FILE chooses among its "
             "models, ORG/NAME@REVISION an earlier state. The first format without: {}",
             fmt::join(preferred_formats(), ", ")))
      .required();
  app.add_option("--revision", options->revision, "branch, tag or commit; main without");
  app.add_flag("--dry-run", options->pull.dry_run, "say what would be fetched, and fetch nothing");
  app.add_flag("--force", options->pull.force, "fetch it anew even where the store has it");
  app.add_flag("--quiet", options->quiet, "no progress");
  app.callback([options] { pull(*options); });
}

}  // namespace sirocco
