#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/npy.hpp"
#include "sirocco/cli/shown_media.hpp"
#include "sirocco/engine/session.hpp"
#include "sirocco/pipeline/logit_scan.hpp"
#include "sirocco/platform/atomic_file.hpp"

namespace sirocco {
namespace {

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::string tokens;
  std::string prompt;
  std::vector<std::string> images;
  std::vector<std::string> sounds;
  std::vector<int> chunks;
  std::string out;
};

TextPrompt prompt_of(const LoadedModel& model, const Options& o) {
  if (!o.tokens.empty()) return parse_token_ids(o.tokens);
  if (o.images.empty() && o.sounds.empty())
    return model.tokenizer().tokenize(o.prompt, {.add_special = true});
  std::vector<ReadMedium> shown;
  for (const std::string& file : o.images)
    shown.push_back(read_shown_file(model, {Medium::kPicture, file}));
  for (const std::string& file : o.sounds)
    shown.push_back(read_shown_file(model, {Medium::kSound, file}));
  return prompt_behind_media(model, shown, o.prompt, false);
}

void logits(const Options& o) {
  Machine machine;
  const LoadedModel model = load_model(machine, *o.common);
  TextPrompt prompt = prompt_of(model, o);
  const std::int64_t rows = rows_of(prompt);
  AtomicFile file(o.out);
  file.write(npy_header(static_cast<std::size_t>(rows), model.info().vocabulary));
  std::int64_t broken = 0;
  std::int64_t first = 0;
  const auto write = [&](std::int64_t row, std::span<const float> scores) {
    file.write(std::as_bytes(scores));
    if (make_distribution(scores)) return;
    if (++broken == 1) first = row;
  };
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&prompt))
    model.pipeline().score(*tokens, o.chunks, write);
  else
    model.multimodal_pipeline()->score(std::get<std::vector<PromptPart>>(std::move(prompt)),
                                       o.chunks, write);
  file.commit();
  // The file holds what was computed: to look at that is what the command is for.
  if (broken > 0) {
    log_warning("{} of {} rows, row {} the first, hold scores that are not finite numbers", broken,
                rows, first);
  }
}

}  // namespace

void declare_logits(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  options->common = add_common_options(app);
  const Option tokens =
      app.add_option("--tokens", options->tokens, "token ids of the prompt, separated by commas");
  const Option prompt = app.add_option("-p,--prompt", options->prompt,
                                       "text of the prompt; BOS is added as the model says");
  app.require_one_of("prompt", tokens, prompt);
  app.add_option("--image", options->images,
                 "file of a picture before the text, for models that see; repeatable")
      .allow_extra_args(false)
      .needs(prompt);
  app.add_option("--audio", options->sounds,
                 "file of a sound before the text, for models that hear; repeatable")
      .allow_extra_args(false)
      .needs(prompt);
  app.add_option("--chunks", options->chunks,
                 "sizes of the steps that the prompt is cut into; the last one repeats")
      .delimiter(',')
      .in_range(1, 1 << 20);
  app.add_option("--out", options->out, "file to write: float32 [T, V], .npy").required();
  app.callback([options] { logits(*options); });
}

}  // namespace sirocco
