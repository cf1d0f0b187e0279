#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/common_options.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/pipeline/logit_scan.hpp"

namespace sirocco {
namespace {

struct Options {
  std::shared_ptr<CommonOptions> common;
  std::vector<int> prompt = {512};
  std::vector<int> generate = {128};
  std::vector<int> batch = {1};
  std::vector<int> depth = {0};
  int repetitions = 5;
  bool no_warmup = false;
  bool json = false;
};

/// What a stage did while something was measured.
struct StageWork {
  double busy_s = 0;
  std::int64_t steps = 0;
  std::int64_t rows = 0;
  std::uint64_t sent_bytes = 0;  // of hidden states
};

/// One row of the results.
struct Measurement {
  std::string test;
  int tokens = 0;
  int batch = 0;
  int depth = 0;
  std::vector<double> tokens_per_s = {};
  bool sound = true;                   // the scores that came out are numbers
  double wall_s = 0;                   // of all repetitions, as the next
  std::vector<StageWork> stages = {};  // of a model that is cut

  double idle_share(const StageWork& stage) const { return 1 - stage.busy_s / wall_s; }
  /// The part of their time in which stages had nothing to do.
  double bubble() const {
    double idle = 0;
    for (const StageWork& stage : stages) idle += idle_share(stage);
    return idle / static_cast<double>(stages.size());
  }
};

/// Drives a pipeline with random tokens. What it wants of a sequence's last row is its logits or,
/// where these are made elsewhere, the likeliest token: logits are more than a link is there for.
class Load {
 public:
  Load(LanguagePipeline& pipeline, int batch)
      : pipeline_(pipeline),
        batch_(batch),
        vocabulary_(static_cast<std::int32_t>(pipeline.info().vocabulary)),
        likeliest_(greedy(), vocabulary_) {
    if (pipeline.placement().size() == 1)
      wanted_ = WantLogits{};
    else
      wanted_ = WantToken{.sampler = &likeliest_};
  }

  /// Fresh sequences with `depth` tokens behind them and room for `more`.
  void begin(int depth, int more) {
    sequences_.clear();
    for (int i = 0; i < batch_; ++i) {
      std::optional<SequenceCache> cache = pipeline_.lease(depth + more);
      if (!cache) {
        throw ResourceExhausted("the cache has no room for {} sequences of {} tokens", batch_,
                                depth + more);
      }
      sequences_.push_back(std::move(*cache));
    }
    if (depth > 0) prompt(depth);
  }

  /// Feeds every sequence `tokens` more; logits of the last row only. Parts of a prompt are as
  /// large as is usual, several of them under way where there are several stages.
  void prompt(int tokens) {
    for (SequenceCache& sequence : sequences_) {
      for (int done = 0; done < tokens;) {
        const int rows = std::min(tokens - done, pipeline_.limits()->usual_step);
        done += rows;
        begin_step(random_tokens(rows), {&sequence, 1}, rows,
                   done == tokens ? wanted_ : TextWanted());
      }
    }
    end_steps();
  }

  /// Feeds every sequence one token at a time: all of them in a step, or where there are several
  /// stages in as many steps, so that each has one.
  void generate(int tokens) {
    const auto stages = static_cast<std::size_t>(pipeline_.limits()->max_steps_in_flight);
    const std::size_t groups = std::min(stages, sequences_.size());
    for (int i = 0; i < tokens; ++i) {
      for (std::size_t group = 0; group < groups; ++group) {
        const std::size_t begin = sequences_.size() * group / groups;
        const std::size_t end = sequences_.size() * (group + 1) / groups;
        begin_step(random_tokens(static_cast<int>(end - begin)),
                   std::span(sequences_).subspan(begin, end - begin), 1, wanted_);
      }
    }
    end_steps();
  }

  /// Whether the last step computed scores that mean something.
  bool sound() const { return sound_; }

 private:
  static SamplingParams greedy() {
    SamplingParams params;
    params.temperature = 0;
    return params;
  }

  struct Step {
    std::vector<TokenId> tokens;
    std::vector<TextItem> items;
    std::optional<Ticket> ticket;
  };
  /// One more step, `rows` tokens a sequence, when there is room for it.
  void begin_step(std::vector<TokenId> tokens, std::span<SequenceCache> sequences, int rows,
                  const TextWanted& wanted) {
    while (std::ssize(steps_) == pipeline_.limits()->max_steps_in_flight ||
           (!steps_.empty() && sequences.front().under_way() + rows > pipeline_.limits()->max_step))
      end_step();
    // A sequence's next token follows from the last one.
    while (!std::holds_alternative<NoOutput>(wanted) && rows == 1 &&
           sequences.front().under_way() > 0)
      end_step();
    Step& step = steps_.emplace_back();
    step.tokens = std::move(tokens);
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const std::span<const TokenId> own =
          std::span(step.tokens)
              .subspan(s * static_cast<std::size_t>(rows), static_cast<std::size_t>(rows));
      step.items.push_back({SequenceId(s), &sequences[s], own, wanted});
    }
    step.ticket = pipeline_.submit(step.items);
  }
  std::span<const TextOutcome> end_step() {
    Step step = std::move(steps_.front());
    steps_.pop_front();
    return pipeline_.wait_for_items(std::move(*step.ticket));
  }
  void end_steps() {
    while (steps_.size() > 1) end_step();
    if (steps_.empty()) return;
    sound_ = std::ranges::all_of(end_step(), [](const TextOutcome& outcome) {
      if (std::holds_alternative<StepFault>(outcome)) return false;
      const auto* logits = std::get_if<StepLogits>(&outcome);
      return logits == nullptr || make_distribution(logits->values);
    });
  }

  std::vector<TokenId> random_tokens(int count) {
    std::vector<TokenId> tokens;
    for (int i = 0; i < count; ++i) {
      tokens.emplace_back(
          static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(vocabulary_)));
    }
    return tokens;
  }

  LanguagePipeline& pipeline_;
  int batch_;
  std::int32_t vocabulary_;
  Sampler likeliest_;
  TextWanted wanted_;
  std::mt19937 random_{1};
  std::vector<SequenceCache> sequences_;
  std::deque<Step> steps_;  // under way, the oldest first
  bool sound_ = true;
};

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// `stages` is where the pipeline's hooks count.
Measurement measure(LanguagePipeline& pipeline, std::vector<StageWork>& stages, const Options& o,
                    bool is_prompt, int tokens, int batch, int depth) {
  Measurement out{
      .test = fmt::format("{}{}", is_prompt ? "pp" : "tg", tokens),
      .tokens = tokens,
      .batch = batch,
      .depth = depth,
  };
  out.stages.resize(stages.size());
  Load load(pipeline, batch);
  const auto run = [&] { is_prompt ? load.prompt(tokens) : load.generate(tokens); };
  if (!o.no_warmup) {
    load.begin(0, tokens);
    is_prompt ? run() : load.generate(1);
  }
  for (int i = 0; i < o.repetitions; ++i) {
    load.begin(depth, tokens);
    std::ranges::fill(stages, StageWork{});
    const double seconds = seconds_of(run);
    out.tokens_per_s.push_back(static_cast<double>(tokens) * batch / seconds);
    out.wall_s += seconds;
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      out.stages[stage].busy_s += stages[stage].busy_s;
      out.stages[stage].steps += stages[stage].steps;
      out.stages[stage].rows += stages[stage].rows;
      out.stages[stage].sent_bytes += stages[stage].sent_bytes;
    }
  }
  out.sound = load.sound();
  return out;
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

/// How scripts know a model: the last part of its path.
std::string file_name(const std::filesystem::path& path) {
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void bench(const Options& o) {
  const auto largest = [](const std::vector<int>& values) {
    return *std::max_element(values.begin(), values.end());
  };
  const int batch = largest(o.batch);
  const int positions = largest(o.depth) + std::max({largest(o.prompt), largest(o.generate), 1});
  Machine machine;
  LoadOptions load = load_options(machine, *o.common);
  if (load.pipeline.context == 0) load.pipeline.context = positions;
  load.pipeline.max_sequences = batch;
  load.pipeline.cache_positions = std::int64_t{batch} * (positions + load.pipeline.block_positions);
  const std::filesystem::path path = resolve_model(o.common->model, o.common->quiet);
  std::vector<StageWork> stages;
  load.pipeline.hooks.stage = [&](const StageTiming& timing) {
    if (stages.empty()) return;
    StageWork& stage = stages[static_cast<std::size_t>(timing.stage)];
    stage.busy_s += timing.seconds;
    ++stage.steps;
    stage.rows += timing.rows;
  };
  load.pipeline.hooks.sent = [&](int stage, std::uint64_t bytes) {
    if (!stages.empty()) stages[static_cast<std::size_t>(stage)].sent_bytes += bytes;
  };
  const LoadedModel model = load_model(machine, *o.common, load);
  if (const std::size_t count = model.pipeline().placement().size(); count > 1)
    stages.resize(count);
  const std::string format =
      o.common->quantize.empty() ? std::string(main_format(model.weights())) : o.common->quantize;

  std::vector<Measurement> results;
  const auto add = [&](bool is_prompt, int tokens, int sequences, int depth) {
    if (tokens == 0) return;
    results.push_back(measure(model.pipeline(), stages, o, is_prompt, tokens, sequences, depth));
    if (o.json) return;
    const Measurement& m = results.back();
    const double best = *std::max_element(m.tokens_per_s.begin(), m.tokens_per_s.end());
    write_output(
        fmt::format("{:8} batch {:3}  depth {:5}  {:10.1f} tokens/s (median of {}, best {:.1f})\n",
                    m.test, m.batch, m.depth, median(m.tokens_per_s), m.tokens_per_s.size(), best));
    if (m.stages.empty()) return;
    std::string shares;
    for (const StageWork& stage : m.stages)
      shares += fmt::format("{}{:.1f} %", shares.empty() ? "" : ", ", m.idle_share(stage) * 100);
    write_output(
        fmt::format("{:8} stages idle {}; bubble {:.1f} %\n", "", shares, m.bubble() * 100));
  };
  if (!o.json) {
    write_output(fmt::format("{}, {}, {} threads, loaded in {:.3f} s\n", model.title().text(),
                             isa_name(model.isa()), model.threads(), model.load_seconds()));
  }
  for (const int depth : o.depth) {
    for (const int sequences : o.batch) {
      for (const int tokens : o.prompt) add(true, tokens, sequences, depth);
      for (const int tokens : o.generate) add(false, tokens, sequences, depth);
    }
  }
  if (!std::ranges::all_of(results, &Measurement::sound)) {
    log_warning(
        "the speeds are measured, but the model's scores are not finite numbers: its file "
        "is damaged, or its numbers outgrow the type of the cache");
  }
  if (!o.json) return;
  nlohmann::ordered_json out{
      {"model", file_name(path)},       {"format", format},
      {"isa", isa_name(model.isa())},   {"threads", model.threads()},
      {"load_s", model.load_seconds()}, {"peak_rss_bytes", peak_rss_bytes()}};
  auto& rows = out["results"] = nlohmann::ordered_json::array();
  for (const Measurement& m : results) {
    rows.push_back({{"test", m.test},
                    {"tokens", m.tokens},
                    {"batch", m.batch},
                    {"depth", m.depth},
                    {"tokens_per_s", m.tokens_per_s}});
    if (m.stages.empty()) continue;
    rows.back()["wall_s"] = m.wall_s;
    rows.back()["bubble"] = m.bubble();
    for (const StageWork& stage : m.stages) {
      rows.back()["stages"].push_back({{"busy_s", stage.busy_s},
                                       {"idle_share", m.idle_share(stage)},
                                       {"steps", stage.steps},
                                       {"rows", stage.rows},
                                       {"sent_bytes", stage.sent_bytes}});
    }
  }
  write_output(out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace

void declare_bench(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  options->common = add_common_options(app);
  const auto list = [&](const char* name, std::vector<int>& into, int min, const char* what) {
    app.add_option(name, into, what).delimiter(',').in_range(min, 1 << 20).capture_default_str();
  };
  list("-p,--prompt", options->prompt, 0, "prompt lengths to measure; 0 for none");
  list("-n,--generate", options->generate, 0, "numbers of generated tokens to measure; 0 for none");
  list("-b,--batch", options->batch, 1, "numbers of sequences at once");
  list("-d,--depth", options->depth, 0, "tokens that a sequence has behind it already");
  app.add_option("-r,--repetitions", options->repetitions, "measurements of each")
      .in_range(1, 10000)
      .capture_default_str();
  app.add_flag("--no-warmup", options->no_warmup, "measure from the first run on");
  app.add_flag("--json", options->json, "print JSON");
  app.callback([options] { bench(*options); });
}

}  // namespace sirocco
