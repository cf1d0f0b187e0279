#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/command.hpp"

namespace sirocco {
namespace {

constexpr std::array kCommands = {
    Command{"run", "Chat with a model, or answer one prompt", declare_run},
    Command{"bench", "Measure prompt and generation speed", declare_bench},
    Command{"info", "Describe a model file", declare_info},
    Command{"tokenize", "Turn text into token ids", declare_tokenize},
    Command{"detokenize", "Turn token ids into text", declare_detokenize},
    Command{"template", "Render a chat template", declare_template},
    Command{"logits", "Write the scores of a prompt's positions", declare_logits},
    Command{"perplexity", "Measure how well a model predicts a text", declare_perplexity},
    Command{"embed", "Turn texts into vectors", declare_embed},
};

int report(const char* message, int status) {
  std::fflush(stdout);
  std::fprintf(stderr, "sirocco: %s\n", message);
  return status;
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

int run_program(int argc, char** argv) {
  // A reader that has gone away is an error of writing, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  // So is a file that may not grow further.
  std::signal(SIGXFSZ, SIG_IGN);
  CLI::App app("Runs language models from GGUF files on this machine.", "sirocco");
  app.require_subcommand(1);
  app.set_version_flag("--version", "sirocco " SIROCCO_VERSION);
  for (const Command& command : kCommands) {
    CLI::App* subcommand =
        app.add_subcommand(std::string(command.name), std::string(command.summary));
    command.declare(*subcommand);
  }
  try {
    app.parse(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      return report("standard output can't be written", 1);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const Error& e) {
    return report(e.what(), error_traits(e.kind()).exit_code);
  } catch (const std::bad_alloc&) {
    return report("out of memory; try a smaller model or a shorter context", 1);
  } catch (const std::exception& e) {
    return report(e.what(), 1);
  }
}

}  // namespace sirocco
