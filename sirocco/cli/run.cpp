#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/run_answer.hpp"
#include "sirocco/cli/run_chat.hpp"
#include "sirocco/cli/run_settings.hpp"
#include "sirocco/cli/run_template.hpp"
#include "sirocco/cli/terminal/answer_printer.hpp"
#include "sirocco/pipeline/recommended_generation.hpp"

namespace sirocco {
namespace {

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::shared_ptr<RunTemplate> chat_template;
  std::vector<std::pair<const Setting*, std::string>> chosen;
  std::vector<std::string> stop;
  std::optional<std::string> prompt;
  std::string system;
  bool raw = false;
  bool special = false;
  bool no_word_wrap = false;
  std::vector<ShownFile> shown;  // pictures and sounds, as they were named
};

/// The prompt of a single answer; none when a person is there to talk with.
std::optional<std::string> single_prompt(const Options& options) {
  std::string prompt;
  if (options.prompt) {
    prompt = *options.prompt;
  } else {
    if (isatty(STDIN_FILENO) != 0) {
      if (isatty(STDOUT_FILENO) != 0) return std::nullopt;
      throw InvalidArgument("standard output is not a terminal; give the prompt with -p");
    }
    prompt = read_standard_input();
    // The end of the last line belongs to the line, not to the question.
    if (prompt.ends_with('\n')) prompt.pop_back();
    if (prompt.ends_with('\r')) prompt.pop_back();
  }
  if (prompt.empty())
    throw InvalidArgument("the prompt is empty; give one with -p, or through standard input");
  return prompt;
}

/// What suits a conversation, then what the model's authors recommend, then what was chosen.
RunSettings settings_for(const LoadedModel& model, const Options& options) {
  RunSettings settings;
  RecommendedGeneration recommended = recommended_generation(
      model.metadata(), std::move(settings.sampling), model.info().vocabulary);
  if (!recommended.not_followed.empty()) {
    log_warning("{}: recommended for answers, but not followed: {}", model.metadata().origin(),
                fmt::join(recommended.not_followed, ", "));
  }
  settings.sampling = std::move(recommended.sampling);
  settings.limits = recommended.limits;
  settings.stop = options.stop.empty() ? std::move(recommended.stop) : options.stop;
  for (const auto& [setting, text] : options.chosen) setting->assign(settings, text);
  return settings;
}

void answer_once(Answerer& answerer, const Options& options, const RunSettings& settings,
                 const std::string& prompt) {
  const bool to_terminal = isatty(STDOUT_FILENO) != 0;
  AnswerPrinter printer;
  printer.wraps = !options.no_word_wrap;
  const OnText show = [&](std::string_view text) {
    if (to_terminal) {
      printer.push(text);
    } else {
      write_output(text);
    }
    return true;
  };
  const Completion completion = [&] {
    if (options.raw) return answerer.complete(prompt, settings, show, {}, options.shown);
    return answerer.answer({options.system, {{"user", prompt, options.shown}}}, settings, show);
  }();
  const bool failed = completion.reason == FinishReason::kFailed;
  if (to_terminal) {
    printer.finish();
  } else if (!failed || !completion.text.empty()) {
    write_output("\n");
  }
  const std::string notice = ending_notice(completion, answerer.context());
  if (failed) throw ResourceExhausted("{}", notice);
  if (options.common->quiet) return;
  if (!notice.empty()) std::fprintf(stderr, "%s\n", notice.c_str());
  std::fprintf(stderr, "%s\n", answerer.statistics().text().c_str());
}

void run(const Options& options) {
  const std::optional<std::string> prompt = single_prompt(options);
  Machine machine;
  const LoadedModel model = load_model(machine, *options.common);
  RunSettings settings = settings_for(model, options);
  std::optional<ChatFormat> format;
  if (!options.raw) {
    format = make_chat_format(model, *options.chat_template);
    settings.variables = chosen_variables(format->chosen({}), *options.chat_template);
  }
  Answerer answerer(model, std::move(format), options.special);
  for (const ShownFile& file : options.shown) answerer.take_in(file);
  if (prompt) {
    answer_once(answerer, options, settings, *prompt);
  } else {
    chat_on_terminal(answerer, settings, options.system, options.shown, !options.no_word_wrap,
                     options.common->quiet);
  }
}

}  // namespace

void declare_run(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  options->common = add_common_options(app);
  app.add_option("-p,--prompt", options->prompt,
                 "answer this and leave; without, standard input is the prompt unless it is a "
                 "terminal");
  const Option system = app.add_option("--system", options->system, "tell the model how to behave");
  const Option raw = app.add_flag("--raw", options->raw,
                                  "complete the prompt as it stands, without the chat template")
                         .excludes(system);
  app.add_flag("--special", options->special, "control tokens in the prompt count as such")
      .needs(raw);
  options->chat_template = add_template_options(app, raw);
  const auto add_shown = [&](const std::string& name, Medium medium, const std::string& help) {
    app.add_option_function<std::vector<std::string>>(
           name,
           [options, medium](const std::vector<std::string>& files) {
             for (const std::string& file : files) options->shown.push_back({medium, file});
           },
           help)
        .allow_extra_args(false);
  };
  add_shown("--image", Medium::kPicture,
            "show this picture with the prompt, or with the first message; repeatable");
  add_shown("--audio", Medium::kSound,
            "let this sound be heard with the prompt, or with the first message; repeatable");
  app.add_flag("--nowordwrap", options->no_word_wrap,
               "leave it to the terminal to break the lines of answers, within words too");
  for (const Setting& setting : run_settings_table()) {
    app.add_option_function<std::string>(
           std::string(setting.option),
           [options, &setting](const std::string& text) {
             RunSettings any;
             if (!setting.assign(any, text)) {
               throw BadValue(fmt::format("{} is not {}", sirocco::quoted(text), setting.range));
             }
             options->chosen.emplace_back(&setting, text);
           },
           std::string(setting.help))
        .default_str(setting.show(RunSettings()));
  }
  app.add_option("--stop", options->stop, "end the answer before this text; repeatable")
      .allow_extra_args(false);
  app.callback([options] { run(*options); });
}

}  // namespace sirocco
