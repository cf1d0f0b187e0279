#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/engine/text_source.hpp"
#include "sirocco/text/chat_format.hpp"

namespace sirocco {
namespace {

struct Options {
  std::string model;
  std::string file;
  std::string messages;
  std::string tools;
  std::vector<std::string> set;
  bool no_generation_prompt = false;
};

ChatFormat chat_format(const Options& options) {
  if (!options.file.empty()) return ChatFormat(ChatTemplate(read_file(options.file)), {});
  return open_chat_format(resolve_model(options.model));
}

void render(const Options& options) {
  const ChatFormat format = chat_format(options);
  ChatContext context;
  context.messages = options.messages == "-" ? read_standard_input() : read_file(options.messages);
  if (!options.tools.empty()) context.tools = read_file(options.tools);
  context.add_generation_prompt = !options.no_generation_prompt;
  for (const std::string& assignment : options.set) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw InvalidArgument("--set {}: expected NAME=JSON", sirocco::quoted(assignment));
    }
    context.variables[assignment.substr(0, equals)] = assignment.substr(equals + 1);
  }
  write_output(format.render(std::move(context)).text);
}

}  // namespace

void declare_template(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  auto* model = app.add_option("-m,--model", options->model, "take the template of this model");
  app.add_option("--file", options->file, "take the template from this file")->excludes(model);
  app.add_option("--messages", options->messages,
                 "JSON file with an array of messages; - for standard input")
      ->required();
  app.add_option("--tools", options->tools, "JSON file with an array of tool schemas");
  app.add_flag("--no-generation-prompt", options->no_generation_prompt,
               "leave out what invites the assistant to speak");
  app.add_option("--set", options->set, "give the template a variable: NAME=JSON")->take_all();
  app.callback([options] { render(*options); });
}

}  // namespace sirocco
