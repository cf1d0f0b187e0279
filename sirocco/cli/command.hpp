#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/cli/command_line.hpp"

namespace sirocco {

/// One subcommand: a row of the table that `--help` and the dispatch are made from. `declare` adds
/// the command's options to its parser and sets its callback; failures leave the callback as
/// exceptions.
struct Command {
  std::string_view name;
  std::string_view summary;
  void (*declare)(CommandLine& app);
};

std::span<const Command> commands();

/// The options that `declare` adds, for documentation.
std::vector<OptionDescription> declared_options(const std::function<void(CommandLine&)>& declare);

void declare_run(CommandLine& app);
void declare_serve(CommandLine& app);
void declare_bench(CommandLine& app);
void declare_info(CommandLine& app);
void declare_tokenize(CommandLine& app);
void declare_detokenize(CommandLine& app);
void declare_template(CommandLine& app);
void declare_logits(CommandLine& app);
void declare_perplexity(CommandLine& app);
void declare_embed(CommandLine& app);
void declare_transcribe(CommandLine& app);
void declare_imagine(CommandLine& app);
void declare_pull(CommandLine& app);
void declare_list(CommandLine& app);
void declare_rm(CommandLine& app);

/// Runs the program: 0, 1 after a failure, 2 for a command line that can't be understood. What
/// failed is one line on standard error.
int run_program(int argc, char** argv);

}  // namespace sirocco
