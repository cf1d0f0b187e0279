#include "sirocco/cli/run_template.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/input.hpp"

namespace sirocco {

Option add_set_option(CommandLine& app, std::function<void(std::string_view)> take) {
  return app
      .add_option_function<std::vector<std::string>>(
          "--set",
          [take = std::move(take)](const std::vector<std::string>& assignments) {
            try {
              for (const std::string& each : assignments) take(each);
            } catch (const InvalidArgument& e) {
              throw BadValue(e.what());
            }
          },
          fmt::format("give the chat template a variable, NAME=VALUE ({}): enable_thinking=false, "
                      "reasoning_effort=high; repeatable",
                      kTemplateValueRule))
      .allow_extra_args(false);
}

std::shared_ptr<RunTemplate> add_template_options(CommandLine& app, Option raw) {
  const auto options = std::make_shared<RunTemplate>();
  const Option name =
      app.add_option("--chat-template", options->name,
                     "use the chat template of this name, of a model that has several")
          .excludes(raw);
  app.add_option("--chat-template-file", options->file,
                 "use the chat template in this file in place of the model's")
      .excludes(raw)
      .excludes(name);
  app.add_option_function<std::string>(
         "--think",
         [options](const std::string& level) {
           if (!level.empty() && !is_thinking_level(level)) {
             throw BadValue(fmt::format("{} is not {}", sirocco::quoted(level), kThinkingLevels));
           }
           options->think = level.empty() ? "on" : level;
         },
         fmt::format("let the model think before it answers, or not: {} (on without a word); for "
                     "templates that use enable_thinking, thinking or reasoning_effort",
                     kThinkingLevels))
      .expected(0, 1)
      .excludes(raw);
  add_set_option(app, [options](std::string_view assignment) {
    set_variable(options->variables, assignment);
    refuse_conversation(options->variables);
  }).excludes(raw);
  return options;
}

ChatFormat make_chat_format(const LoadedModel& model, const RunTemplate& options) {
  if (!options.file.empty()) {
    ChatTemplates of_file(sirocco::quoted(options.file, 400));
    of_file.add("default", read_file(options.file));
    return model.with_media(make_chat_format(of_file, model.tokenizer()));
  }
  ChatFormat format = model.chat_format(options.name);
  format.chosen({});
  return format;
}

TemplateVariables chosen_variables(const ChatTemplate& chat_template, const RunTemplate& options) {
  TemplateVariables out;
  if (!options.think.empty()) set_thinking(out, chat_template, options.think);
  for (const auto& [name, variable] : options.variables) out.insert_or_assign(name, variable);
  if (const std::string notice = unused_variables_notice(chat_template, options.variables);
      !notice.empty())
    log_warning("{}", notice);
  return out;
}

}  // namespace sirocco
