#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/cli/run_template.hpp"
#include "sirocco/engine/text_source.hpp"
#include "sirocco/text/chat_format.hpp"

namespace sirocco {
namespace {

struct Options {
  std::string model;
  std::string file;
  std::string messages;
  std::string tools;
  std::optional<std::string> name;
  TemplateVariables variables;
  bool no_generation_prompt = false;
};

ChatFormat chat_format(const Options& options) {
  if (!options.file.empty()) return ChatFormat(ChatTemplate(read_file(options.file)), {});
  return open_chat_format(resolve_model(options.model), options.name);
}

void render(const Options& options) {
  const ChatFormat format = chat_format(options);
  ChatContext context;
  context.messages = options.messages == "-" ? read_standard_input() : read_file(options.messages);
  if (!options.tools.empty()) context.tools = read_file(options.tools);
  context.add_generation_prompt = !options.no_generation_prompt;
  context.variables = options.variables;
  const std::string notice = unused_variables_notice(format.chosen(context), options.variables);
  if (!notice.empty()) log_warning("{}", notice);
  write_output(format.render(std::move(context)).text);
}

}  // namespace

void declare_template(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  const Option model =
      app.add_option("-m,--model", options->model, "take the template of this model");
  const Option file = app.add_option("--file,--chat-template-file", options->file,
                                     "take the template from this file")
                          .excludes(model);
  app.add_option("--chat-template", options->name,
                 "take the template of this name; without, \"tool_use\" with tools where there is "
                 "one, or else \"default\"")
      .excludes(file);
  app.add_option("--messages", options->messages,
                 "JSON file with an array of messages; - for standard input")
      .required();
  app.add_option("--tools", options->tools, "JSON file with an array of tool schemas");
  app.add_flag("--no-generation-prompt", options->no_generation_prompt,
               "leave out what invites the assistant to speak");
  add_set_option(app, [options](std::string_view assignment) {
    set_variable(options->variables, assignment);
  }).allow_extra_args();
  app.callback([options] { render(*options); });
}

}  // namespace sirocco
