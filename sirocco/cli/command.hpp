#pragma once

#include <span>
#include <string_view>

namespace CLI {
class App;
}

namespace sirocco {

/// One subcommand: a row of the table that `--help` and the dispatch are made from. `declare` adds
/// the command's options to its parser and sets its callback; failures leave the callback as
/// exceptions.
struct Command {
  std::string_view name;
  std::string_view summary;
  void (*declare)(CLI::App& app);
};

std::span<const Command> commands();

void declare_run(CLI::App& app);
void declare_bench(CLI::App& app);
void declare_info(CLI::App& app);
void declare_tokenize(CLI::App& app);
void declare_detokenize(CLI::App& app);
void declare_template(CLI::App& app);
void declare_logits(CLI::App& app);
void declare_perplexity(CLI::App& app);
void declare_embed(CLI::App& app);

/// Runs the program: 0, 1 after a failure, 2 for a command line that can't be understood. What
/// failed is one line on standard error.
int run_program(int argc, char** argv);

}  // namespace sirocco
