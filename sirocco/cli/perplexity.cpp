#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/pipeline/step_fault.hpp"

namespace sirocco {
namespace {

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::string file;
  std::int32_t windows = 0;
  bool json = false;
};

constexpr std::int32_t kDefaultWindow = 512;

/// What a token costs, by docs/perplexity.md: NaN where the logits aren't finite, but for
/// -infinity, which costs as much when it is the token's own.
double cost_of(std::span<const float> logits, TokenId next) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float x : logits) sum += std::exp(x - largest);
  return std::log(sum) + largest - logits[static_cast<std::size_t>(next.value())];
}

/// Costs of the scored tokens so far.
class Score {
 public:
  void add(double cost) {
    ++count_;
    sum_ += cost;
    squares_ += cost * cost;
  }
  std::int64_t count() const { return count_; }
  double perplexity() const { return std::exp(sum_ / static_cast<double>(count_)); }
  /// NaN of one token.
  double standard_error() const {
    const double mean = sum_ / static_cast<double>(count_);
    const double variance = squares_ / static_cast<double>(count_) - mean * mean;
    return perplexity() * std::sqrt(std::max(variance, 0.0) / static_cast<double>(count_ - 1));
  }

 private:
  std::int64_t count_ = 0;
  double sum_ = 0.0;
  double squares_ = 0.0;
};

/// As JSON has it, which knows no other numbers than finite ones.
std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{:.6f}", value) : "null";
}

void perplexity(const Options& o) {
  Machine machine;
  LoadOptions load = load_options(machine, *o.common);
  if (load.pipeline.context == 0) load.pipeline.context = kDefaultWindow;
  const LoadedModel model = load_model(machine, *o.common, load);
  const std::int32_t window = load.pipeline.context;
  const Tokenizer& tokenizer = model.tokenizer();
  const SpecialTokens& special = tokenizer.special();
  if (special.add_eos) {
    throw UnsupportedError(
        "the model ends its texts with a token of its own; perplexity isn't defined for such");
  }
  std::string text = read_file(o.file);
  if (text.ends_with('\n')) text.pop_back();
  const std::vector<TokenId> tokens = tokenizer.tokenize(text, {.add_special = true});
  const auto available = static_cast<std::int64_t>(tokens.size()) / window;
  if (window < 4 || available < 2) {
    throw InvalidArgument(
        "{} has {} tokens; at least {} are needed for windows of {} (a longer text, or a smaller "
        "--ctx "
        "of at least 4)",
        sirocco::quoted(o.file), tokens.size(), 2 * window, window);
  }
  const std::int64_t windows =
      o.windows == 0 ? available : std::min<std::int64_t>(o.windows, available);

  Score score;
  for (std::int64_t w = 0; w < windows; ++w) {
    const auto begin = tokens.begin() + w * window;
    std::vector<TokenId> input(begin, begin + window);
    if (special.add_bos && special.bos) input.front() = *special.bos;
    model.pipeline().score(input, {}, [&](std::int64_t row, std::span<const float> logits) {
      if (row < window / 2 || row + 1 >= window) return;
      const TokenId next = begin[row + 1];
      const double cost = cost_of(logits, next);
      if (!std::isfinite(cost)) {
        throw NotANumber("window {}, position {}: {}", w + 1, row,
                         std::isnan(cost) ? step_fault_text(StepFault::kScoresNotFinite)
                                          : "the model rules out the token that follows, so its "
                                            "perplexity is infinite");
      }
      score.add(cost);
    });
    if (!o.common->quiet)
      fmt::print(stderr, "[{}/{}] {:.4f}\n", w + 1, windows, score.perplexity());
  }
  if (o.json) {
    write_output(
        fmt::format("{{\"perplexity\": {}, \"standard_error\": {}, \"scored_tokens\": {}, "
                    "\"windows\": {}, \"window\": {}}}\n",
                    json_number(score.perplexity()), json_number(score.standard_error()),
                    score.count(), windows, window));
  } else {
    write_output(fmt::format("perplexity {:.4f} +/- {:.4f} over {} tokens in {} windows of {}\n",
                             score.perplexity(), score.standard_error(), score.count(), windows,
                             window));
  }
}

}  // namespace

void declare_perplexity(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  options->common = add_common_options(app);
  app.add_option("-f,--file", options->file, "the text").required();
  app.add_option("--windows", options->windows,
                 "score only this many windows of --ctx tokens (512 without)")
      .in_range(1, 1 << 30);
  app.add_flag("--json", options->json, "print JSON");
  app.callback([options] { perplexity(*options); });
}

}  // namespace sirocco
