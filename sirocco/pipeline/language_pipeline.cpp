#include "sirocco/pipeline/language_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/logit_scan.hpp"

namespace sirocco {

LanguagePipeline::LanguagePipeline(ModelInfo info, TextStages stages, ByteLedger& ledger,
                                   LanguagePipelineOptions options)
    : info_(std::move(info)),
      options_(std::move(options)),
      stages_(std::move(stages)),
      running_(std::make_shared<int>(0)) {
  if (options_.block_positions < 1) {
    throw InvalidArgument("block_positions is {}; it must be a multiple of 16",
                          options_.block_positions);
  }
  if (options_.default_max_tokens < 1) {
    throw InvalidArgument("default_max_tokens is {}; it must be at least 1",
                          options_.default_max_tokens);
  }
  std::vector<const CacheLayout*> layouts = stages_.layouts();
  CacheOptions cache;
  cache.type = options_.kv_type;
  cache.block_positions = options_.block_positions;
  cache.max_sequences = options_.max_sequences;
  cache.max_step = options_.max_step;
  cache.blocks = options_.blocks;
  choose_context(cache, layouts, ledger);
  cache.positions = options_.cache_positions == 0 ? usual_cache_positions(cache, layouts, ledger)
                                                  : options_.cache_positions;
  pools_ = CachePools::make(std::move(layouts), cache);
  stages_.allocate(*pools_, ledger);
  limits_ = std::make_shared<const PipelineLimits>(
      PipelineLimits{.vocabulary = info_.vocabulary,
                     .width = info_.width,
                     .rotary_axes = info_.rotary_axes,
                     .max_context = std::min(options_.context, pools_->max_length()),
                     .max_cached_positions = pools_->max_length(),
                     .cache = pools_->capacity(),
                     .max_step = options_.max_step,
                     .usual_step = std::min(512, options_.max_step),
                     .max_sequences = options_.max_sequences,
                     .max_steps_in_flight = 1,
                     .default_max_tokens = options_.default_max_tokens});
}

LanguagePipeline::~LanguagePipeline() = default;

void LanguagePipeline::choose_context(CacheOptions cache,
                                      std::span<const CacheLayout* const> layouts,
                                      const ByteLedger& ledger) {
  if (options_.context == 0) {
    options_.context = info_.context_length;
    const std::uint64_t budget = std::min(options_.cache_budget, ledger.free());
    while (options_.context > 1 &&
           CachePools::sequence_bytes(layouts, cache, options_.context) > budget) {
      options_.context -= std::max(options_.context / 8, 1);
    }
  }
  if (options_.context < 1) {
    throw InvalidArgument("the context is {} positions; it must be at least 1", options_.context);
  }
  if (info_.position_limit != 0 && options_.context > info_.position_limit) {
    throw InvalidArgument("a context of {} positions was asked for, but the model has {}",
                          options_.context, info_.position_limit);
  }
}

std::int64_t LanguagePipeline::usual_cache_positions(const CacheOptions& cache,
                                                     std::span<const CacheLayout* const> layouts,
                                                     const ByteLedger& ledger) const {
  const std::uint64_t budget = std::min(options_.cache_budget, ledger.free());
  const std::uint64_t one = CachePools::sequence_bytes(layouts, cache, options_.context);
  const auto fit = static_cast<int>(std::min<std::uint64_t>(
      one == 0 ? UINT64_MAX : budget / one, static_cast<std::uint64_t>(options_.cache_sequences)));
  return std::int64_t{options_.context} * std::max(fit, 1);
}

std::optional<TextWork> LanguagePipeline::begin(CheckedTextJob& job) {
  if (*running_ + job.choices_ > options_.max_sequences) return std::nullopt;
  // Checked jobs fit into the cache.
  const auto max_length = static_cast<std::int32_t>(job.sequence_.worst_case_positions());
  std::optional<SequenceCache> cache;
  if (job.prefixes_) {
    std::vector<ContentId> prompt;
    prompt.reserve(static_cast<std::size_t>(job.sequence_.prompt_rows()));
    job.sequence_.unread().list_contents(Position(0), prompt);
    cache = pools_->lease(*job.prefixes_, prompt, max_length);
  } else {
    cache = pools_->lease(max_length);
  }
  if (!cache) return std::nullopt;
  std::vector<TextWork::Place> others;
  for (int choice = 1; choice < job.choices_; ++choice) {
    auto room =
        pools_->reserve_fork(max_length, static_cast<std::int32_t>(job.sequence_.prompt_rows()));
    if (!room) return std::nullopt;
    others.push_back({std::move(*room), Seat(running_)});
  }
  return TextWork(SequenceId(next_sequence_++), std::move(job), std::move(*cache), Seat(running_),
                  std::move(others));
}

std::int32_t LanguagePipeline::length_of(std::int64_t rows) const {
  if (rows < 1 || rows > limits_->max_context) {
    throw InvalidArgument("{} positions don't fit into the context of {}", rows,
                          limits_->max_context);
  }
  return static_cast<std::int32_t>(rows);
}

std::optional<SequenceCache> LanguagePipeline::lease(std::int32_t max_length) {
  return pools_->lease(length_of(max_length));
}

void LanguagePipeline::check(std::span<const TextItem> items) const {
  if (items.empty()) throw InvalidArgument("a step needs at least one sequence");
  std::int64_t rows = 0;
  for (const TextItem& item : items) {
    const std::int64_t room = item.cache->max_length() - item.cache->length();
    if (item.rows.size() == 0 || item.rows.size() > room) {
      throw InvalidArgument("sequence {} was given {} rows; it has room for {}",
                            item.sequence.value(), item.rows.size(), room);
    }
    rows += item.rows.size();
    item.rows.require_fit(*limits_);
    item.rows.require_step(item.cache->length());
  }
  if (rows > options_.max_step) {
    throw InvalidArgument("a step of {} rows is more than the {} that it may have", rows,
                          options_.max_step);
  }
}

void LanguagePipeline::put_together(Step& step) {
  StepRows& rows = step.staged.rows;
  rows.sequences.clear();
  rows.outputs.clear();
  step.staged.tokens.clear();
  step.staged.given.clear();
  step.caches.clear();
  step.wanted.clear();
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < step.items.size(); ++i) {
    const TextItem& item = step.items[i];
    const std::int64_t count = item.rows.size();
    item.rows.list_contents(Position(item.cache->length()), step.contents);
    const Position first = item.cache->extend(count, step.contents);
    rows.sequences.push_back(item.rows.in_step(item.sequence, first));
    step.caches.push_back(item.cache);
    const std::span<const TokenId> tokens = item.rows.tokens();
    step.staged.tokens.insert(step.staged.tokens.end(), tokens.begin(), tokens.end());
    item.rows.each_given([&](const TextRows::Given& given) {
      step.staged.given.push_back({begin + given.first, given.width, given.values});
    });
    const auto* logits = std::get_if<WantLogits>(&item.wanted);
    std::int64_t row = logits != nullptr && logits->all_rows ? 0 : count - 1;
    if (std::holds_alternative<NoOutput>(item.wanted)) row = count;
    const auto scored = std::ssize(item.scores.following);
    SIROCCO_CHECK(scored <= row);
    const auto want = [&](std::int64_t of_part) {
      rows.outputs.push_back(static_cast<std::int32_t>(begin + of_part));
      step.wanted.emplace_back(i, of_part);
    };
    for (std::int64_t before = 0; before < scored; ++before) want(before);
    for (; row < count; ++row) want(row);
    begin += count;
  }
  pools_->begin_step(step.caches, step.staged.caches);
}

void LanguagePipeline::run(Step& step, Order order, ShowRow show) {
  const auto begin = std::chrono::steady_clock::now();
  put_together(step);
  const auto show_rows = [&](std::span<const float> logits, std::size_t vocabulary,
                             ThreadGroup& host) {
    const auto rows = std::ssize(step.wanted);
    const auto show_range = [&](std::int64_t first, std::int64_t end, int thread) {
      for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(end); ++i) {
        const auto& [item, row] = step.wanted[i];
        show(item, row, logits.subspan(i * vocabulary, vocabulary), thread);
      }
    };
    while (std::ssize(sampling_) < host.size())
      sampling_.emplace_back().reserve(info_.vocabulary, limits_->max_context);
    if (order == Order::kOneByOne) return show_range(0, rows, 0);
    host.for_ranges(rows, 1, show_range);
  };
  stages_.run(step.staged, options_.hooks, show_rows);
  step.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

namespace {

/// One token, or why there is none. `position` is that of the token to choose.
std::variant<ChosenToken, StepFault> chosen(const WantToken& want, std::uint32_t choice,
                                            Position position, std::span<const float> logits,
                                            SamplerScratch& scratch) {
  const Sampled sampled = want.sampler->sample(logits, want.own, position, choice, scratch);
  if (const auto* fault = std::get_if<StepFault>(&sampled)) return *fault;
  ChosenToken out{std::get<TokenId>(sampled)};
  if (want.alternatives) {
    out.log_probability = log_probability(logits, out.token, scratch);
    out.likeliest = likeliest(logits, *want.alternatives, scratch);
  }
  return out;
}

TextOutcome all_chosen(const WantToken& want, Position position, std::span<const float> logits,
                       SamplerScratch& scratch) {
  ChosenTokens tokens;
  for (std::uint32_t choice = want.choice; choice < want.choice + want.choices; ++choice) {
    auto one = chosen(want, choice, position, logits, scratch);
    if (const auto* fault = std::get_if<StepFault>(&one)) return *fault;
    // What is usual allocates nothing.
    if (want.choices == 1) return std::move(std::get<ChosenToken>(one));
    tokens.push_back(std::move(std::get<ChosenToken>(one)));
  }
  return tokens;
}

}  // namespace

namespace {

/// Nothing is told of a token where the logits say nothing.
void add_score(ChosenToken& token, std::int32_t alternatives, std::span<const float> logits,
               SamplerScratch& scratch) {
  if (!make_distribution(logits)) return;
  token.log_probability = log_probability(logits, token.token, scratch);
  token.likeliest = likeliest(logits, alternatives, scratch);
}

}  // namespace

void LanguagePipeline::run_with_outcomes(Step& step) {
  step.outcomes.resize(step.items.size());
  step.scores.resize(step.items.size());
  for (std::size_t i = 0; i < step.items.size(); ++i) {
    step.scores[i].clear();
    for (const TokenId token : step.items[i].scores.following)
      step.scores[i].push_back({.token = token});
  }
  // Logits lend their memory to those of the next step. All rows of one item come in order.
  Order order = Order::kAnyAtOnce;
  for (std::size_t i = 0; i < step.items.size(); ++i) {
    auto* logits = std::get_if<StepLogits>(&step.outcomes[i]);
    const auto* want = std::get_if<WantLogits>(&step.items[i].wanted);
    if (want == nullptr)
      step.outcomes[i] = NothingWanted{};
    else if (logits != nullptr)
      logits->values.clear();
    else
      step.outcomes[i] = StepLogits{};
    if (want != nullptr && want->all_rows) order = Order::kOneByOne;
  }
  run(step, order, [&](std::size_t i, std::int64_t row, std::span<const float> logits, int thread) {
    const TextItem& item = step.items[i];
    if (row < std::ssize(item.scores.following)) {
      return add_score(step.scores[i][static_cast<std::size_t>(row)], item.scores.alternatives,
                       logits, sampling_[static_cast<std::size_t>(thread)]);
    }
    if (const auto* want = std::get_if<WantToken>(&item.wanted)) {
      step.outcomes[i] = all_chosen(*want, Position(item.cache->length()), logits,
                                    sampling_[static_cast<std::size_t>(thread)]);
    } else {
      std::vector<float>& values = std::get<StepLogits>(step.outcomes[i]).values;
      values.insert(values.end(), logits.begin(), logits.end());
    }
  });
  if (!options_.hooks.token) return;
  for (std::size_t i = 0; i < step.items.size(); ++i) {
    for (const ChosenToken& token : tokens_of(step.outcomes[i]))
      options_.hooks.token(step.items[i].sequence, token.token);
  }
}

Ticket LanguagePipeline::submit(std::span<const Share<TextWork>> shares) {
  SIROCCO_CHECK(submitted_.shares.empty());  // one step in flight
  submitted_.shares.assign(shares.begin(), shares.end());
  submitted_.items.clear();
  for (const Share<TextWork>& share : shares) share.work->list_items(share.rows, submitted_.items);
  try {
    check(submitted_.items);
    run_with_outcomes(submitted_);
  } catch (...) {
    submitted_.shares.clear();
    throw;
  }
  return Ticket(++submitted_.number);
}

double LanguagePipeline::wait(Ticket ticket) {
  SIROCCO_CHECK(ticket.number() == submitted_.number && !submitted_.shares.empty());
  std::span<TextOutcome> outcomes = submitted_.outcomes;
  std::span<ChosenTokens> scores = submitted_.scores;
  for (const Share<TextWork>& share : submitted_.shares) {
    const std::size_t items = share.work->items();
    share.work->take(share.rows, outcomes.first(items), scores.first(items));
    outcomes = outcomes.subspan(items);
    scores = scores.subspan(items);
  }
  submitted_.shares.clear();
  return submitted_.seconds;
}

std::span<const TextOutcome> LanguagePipeline::step(std::span<const TextItem> items) {
  check(items);
  direct_.items.assign(items.begin(), items.end());
  run_with_outcomes(direct_);
  for (const TextItem& item : items) item.cache->end_step();
  return direct_.outcomes;
}

void LanguagePipeline::score(TextRows rows, std::span<const int> chunks, VisitLogits visit) {
  if (rows.size() == 0) throw InvalidArgument("there are no tokens to score");
  rows.require_fit(*limits_);
  for (const int chunk : chunks) {
    if (chunk < 1 || chunk > options_.max_step) {
      throw InvalidArgument("a chunk has {} tokens; a step has 1 to {}", chunk, options_.max_step);
    }
  }
  // So that the logits of one step stay below 64 MiB, whatever the vocabulary.
  const auto affordable = (std::int64_t{16} << 20) / std::max<std::int64_t>(info_.vocabulary, 1);
  const int usual = static_cast<int>(std::clamp<std::int64_t>(affordable, 1, options_.max_step));
  std::optional<SequenceCache> cache = lease(length_of(rows.size()));
  if (!cache) {
    throw ResourceExhausted("no room in the cache for {} positions now: {} are free", rows.size(),
                            pools_->available_length());
  }
  std::size_t step = 0;
  for (std::int64_t begin = 0; begin < rows.size(); ++step) {
    const int size = chunks.empty() ? usual : chunks[std::min(step, chunks.size() - 1)];
    const TextRows rest = rows.part(begin, rows.size() - begin);
    const std::int64_t count = rest.without_cut(size);
    direct_.items.assign(
        1, {SequenceId(0), &*cache, rest.part(0, count), WantLogits{.all_rows = true}});
    check(direct_.items);
    run(direct_, Order::kOneByOne,
        [&](std::size_t, std::int64_t row, std::span<const float> logits, int) {
          visit(begin + row, logits);
        });
    cache->end_step();
    begin += count;
  }
}

namespace {

/// Loads the parts of a stage, for the backend that it runs on.
template <class Role>
PlacedStage<Role> load_stage(ModelBuilder& builder, LayerRange range, Backend& backend) {
  return PlacedStage<Role>(Stage<Role>(load_parts<Role>(builder, range)), backend);
}

TextStages load_stages(ModelBuilder& builder, std::span<Backend* const> backends,
                       std::span<const LayerIndex> cuts) {
  const std::size_t count = cuts.size() + 1;
  if (backends.size() != 1 && backends.size() != count) {
    throw InvalidArgument("{} backends were given for {} stages; one, or one for each, is needed",
                          backends.size(), count);
  }
  const auto backend = [&](std::size_t stage) -> Backend& {
    return *backends[backends.size() == 1 ? 0 : stage];
  };
  if (cuts.empty()) {
    return TextStages(load_stage<Whole>(builder, builder.all_layers(), backend(0)));
  }
  std::int32_t last = 0;
  for (const LayerIndex cut : cuts) {
    if (cut.value() <= last || cut.value() >= builder.info().layers) {
      throw InvalidArgument("a cut after layer {} leaves a stage empty; the model has {} layers",
                            cut.value(), builder.info().layers);
    }
    last = cut.value();
  }
  auto head = load_stage<Head>(builder, {LayerIndex(0), cuts.front()}, backend(0));
  std::vector<PlacedStage<Middle>> middles;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
    middles.push_back(load_stage<Middle>(builder, {cuts[i], cuts[i + 1]}, backend(i + 1)));
  auto tail = load_stage<Tail>(builder, {cuts.back(), LayerIndex(builder.info().layers)},
                               backend(count - 1));
  return TextStages(std::move(head), std::move(middles), std::move(tail));
}

}  // namespace

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         std::span<Backend* const> backends,
                                                         ByteLedger& ledger,
                                                         LanguagePipelineOptions options,
                                                         std::span<const LayerIndex> cuts) {
  if (!builder.info().generates) builder.lm_head();  // says what it is
  builder.expect_context(options.context);
  TextStages stages = load_stages(builder, backends, cuts);
  return std::make_unique<LanguagePipeline>(builder.info(), std::move(stages), ledger,
                                            std::move(options));
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder, Backend& backend,
                                                         ByteLedger& ledger,
                                                         LanguagePipelineOptions options,
                                                         std::span<const LayerIndex> cuts) {
  Backend* const one = &backend;
  return make_language_pipeline(builder, std::span(&one, 1), ledger, std::move(options), cuts);
}

}  // namespace sirocco
