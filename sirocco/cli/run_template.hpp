#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/template_variables.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/text/chat_format.hpp"

namespace sirocco {

/// Which chat template a conversation is rendered with, and with which variables.
struct RunTemplate {
  std::optional<std::string> name;  ///< of one among the model's
  std::string file;                 ///< of one in place of the model's; empty: none
  std::string think;                ///< as set_thinking takes it; empty: as the template has it
  TemplateVariables variables;
};

/// Adds --set NAME=VALUE to a command, which can be repeated. `take` gets each as set_variable
/// does; an InvalidArgument of it is a mistake in the command line.
Option add_set_option(CommandLine& app, std::function<void(std::string_view)> take);

/// Adds --chat-template, --chat-template-file, --set and --think to a command; `raw` is the option
/// that does without a template.
std::shared_ptr<RunTemplate> add_template_options(CommandLine& app, Option raw);

/// The format that they choose for this model. Throws NotFound when it has no such template, and
/// what is wrong with the one for conversations without tools.
ChatFormat make_chat_format(const LoadedModel& model, const RunTemplate& options);

/// The variables that they set: what --set says comes before what --think stands for. Says on
/// standard error which ones the template doesn't use. Throws as set_thinking.
TemplateVariables chosen_variables(const ChatTemplate& chat_template, const RunTemplate& options);

}  // namespace sirocco
