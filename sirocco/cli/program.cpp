#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/job_signals.hpp"
#include "sirocco/cli/ranks.hpp"
#include "sirocco/platform/reader_gone.hpp"

namespace sirocco {
namespace {

constexpr std::array kCommands = {
    Command{"run", "Chat with a model, or answer one prompt", declare_run},
    Command{"serve", "Answer programs over HTTP", declare_serve},
    Command{"bench", "Measure prompt and generation speed", declare_bench},
    Command{"info", "Describe a model file", declare_info},
    Command{"tokenize", "Turn text into token ids", declare_tokenize},
    Command{"detokenize", "Turn token ids into text", declare_detokenize},
    Command{"template", "Render a chat template", declare_template},
    Command{"logits", "Write the scores of a prompt's positions", declare_logits},
    Command{"perplexity", "Measure how well a model predicts a text", declare_perplexity},
    Command{"embed", "Turn texts into vectors", declare_embed},
    Command{"transcribe", "Write down what is said in sound files", declare_transcribe},
    Command{"imagine", "Draw what a text says", declare_imagine},
    Command{"pull", "Fetch a model from a hub", declare_pull},
    Command{"list", "List the models that are here", declare_list},
    Command{"rm", "Remove models", declare_rm},
};

/// CLI11 takes a value in brackets for a list, which it cuts at its commas, and "{}" for an empty
/// one. Words that look like that travel behind a mark, which every option takes off again.
constexpr char kMark = '\x01';

std::vector<std::string> marked(int argc, char** argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  for (std::string& word : words) {
    if (word.starts_with('[') || word == "{}" || word.starts_with(kMark)) word.insert(0, 1, kMark);
  }
  return words;
}

void take_marks_off(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    option->transform(
        [](std::string word) { return word.starts_with(kMark) ? word.substr(1) : word; });
  }
}

/// Ends as programs do that leave SIGPIPE alone; where whoever started this one ignores it, with a
/// failure's status.
int end_quietly(void (*signal_before)(int)) {
  if (signal_before == SIG_DFL) {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  return 1;
}

/// What the messages of a stage behind the head begin with.
std::string rank_prefix() {
  return job_rank() > 0 ? fmt::format("[rank {}] ", job_rank()) : std::string();
}

int report(const char* message, int status) {
  std::fflush(stdout);
  std::fprintf(stderr, "%ssirocco: %s\n", rank_prefix().c_str(), message);
  return status;
}

/// Help, the version, or what a command line lacks.
int answer_without_command(const CLI::App& app, const CLI::ParseError& e) {
  std::ostringstream help;
  std::ostringstream mistake;
  const bool wrong = app.exit(e, help, mistake) != 0;
  std::string message = mistake.str();
  std::erase(message, kMark);
  std::fputs(message.c_str(), stderr);
  if (wrong) return 2;
  write_output(help.str());
  return 0;
}

int obey(CLI::App& app, int argc, char** argv) {
  try {
    std::vector<std::string> words = marked(argc, argv);
    std::ranges::reverse(words);  // the order in which the parser takes them
    app.parse(std::move(words));
  } catch (const CLI::ParseError& e) {
    return answer_without_command(app, e);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return report("standard output can't be written", 1);
  return 0;
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

std::vector<OptionDescription> declared_options(const std::function<void(CommandLine&)>& declare) {
  CLI::App app;
  CommandLine line(app);
  declare(line);
  return line.options();
}

int run_program(int argc, char** argv) {
  // A reader that has gone away is an error of writing, so that files in the making are cleared
  // away.
  const auto pipe_signal = std::signal(SIGPIPE, SIG_IGN);
  // So is a file that may not grow further.
  std::signal(SIGXFSZ, SIG_IGN);
  follow_job_signals();
  set_log_prefix(rank_prefix());
  CLI::App app("Runs language models from GGUF files on this machine.", "sirocco");
  app.require_subcommand(1);
  app.set_version_flag("--version", "sirocco " SIROCCO_VERSION);
  for (const Command& command : kCommands) {
    CLI::App* subcommand =
        app.add_subcommand(std::string(command.name), std::string(command.summary));
    CommandLine line(*subcommand);
    command.declare(line);
    take_marks_off(*subcommand);
  }
  try {
    return obey(app, argc, argv);
  } catch (const ReaderGone&) {
    return end_quietly(pipe_signal);
  } catch (const Error& e) {
    return report(e.what(), error_traits(e.kind()).exit_code);
  } catch (const std::bad_alloc&) {
    return report("out of memory; try a smaller model or a shorter context", 1);
  } catch (const std::exception& e) {
    return report(e.what(), 1);
  }
}

}  // namespace sirocco
