#include <memory>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/npy.hpp"
#include "sirocco/pipeline/logit_scan.hpp"
#include "sirocco/platform/atomic_file.hpp"

namespace sirocco {
namespace {

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::string tokens;
  std::string prompt;
  std::vector<int> chunks;
  std::string out;
};

void logits(const Options& o) {
  Machine machine;
  const LoadedModel model = load_model(machine, *o.common);
  const std::vector<TokenId> tokens =
      o.tokens.empty() ? model.tokenizer().tokenize(o.prompt, {.add_special = true})
                       : parse_token_ids(o.tokens);
  AtomicFile file(o.out);
  file.write(npy_header(tokens.size(), model.info().vocabulary));
  std::int64_t broken = 0;
  std::int64_t first = 0;
  model.pipeline().score(tokens, o.chunks, [&](std::int64_t row, std::span<const float> scores) {
    file.write(std::as_bytes(scores));
    if (make_distribution(scores)) return;
    if (++broken == 1) first = row;
  });
  file.commit();
  // The file holds what was computed: to look at that is what the command is for.
  if (broken > 0) {
    log_warning("{} of {} rows, row {} the first, hold scores that are not finite numbers", broken,
                tokens.size(), first);
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
  app.add_option("--chunks", options->chunks,
                 "sizes of the steps that the prompt is cut into; the last one repeats")
      .delimiter(',')
      .in_range(1, 1 << 20);
  app.add_option("--out", options->out, "file to write: float32 [T, V], .npy").required();
  app.callback([options] { logits(*options); });
}

}  // namespace sirocco
