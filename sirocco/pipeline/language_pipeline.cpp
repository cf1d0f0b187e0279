#include "sirocco/pipeline/language_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/cache_choice.hpp"

namespace sirocco {

namespace {

/// Rows that a step is worth to have: all that are usual where one stage takes it; else so few that
/// a prompt soon fills the stages, but no fewer than arithmetic is worth reading the weights for,
/// as long as a prompt has a part for each stage.
int usual_step(int max_step, int stages) {
  constexpr int kUsual = 512;
  constexpr int kWorthwhile = 16;
  if (stages == 1) return std::min(kUsual, max_step);
  const int rows = std::max(kUsual / (2 * stages), kWorthwhile);
  return std::clamp(max_step / stages, 1, rows);
}

}  // namespace

LanguagePipeline::LanguagePipeline(ModelInfo info, TextStages stages,
                                   LanguagePipelineOptions options)
    : info_(std::move(info)),
      options_(std::move(options)),
      stages_(std::move(stages)),
      running_(std::make_shared<int>(0)),
      ended_(std::make_shared<std::vector<SequenceId>>()) {
  if (options_.block_positions < 1) {
    throw InvalidArgument("block_positions is {}; it must be a multiple of 16",
                          options_.block_positions);
  }
  if (options_.default_max_tokens < 1) {
    throw InvalidArgument("default_max_tokens is {}; it must be at least 1",
                          options_.default_max_tokens);
  }
  std::vector<const CacheLayout*> layouts = stages_.layouts();
  const CacheChoice choice = choose_cache(info_, options_, layouts, stages_.rooms());
  options_.context = choice.context;
  // Rows are added where they are embedded.
  const bool has_deep_layers = info_.deep_stack <= layouts.front()->layers();
  pools_ = CachePools::make(std::move(layouts), choice.options);
  limits_ = std::make_shared<const PipelineLimits>(
      PipelineLimits{.vocabulary = info_.vocabulary,
                     .width = info_.width,
                     .rotary_axes = info_.rotary_axes,
                     .max_context = std::min(options_.context, pools_->max_length()),
                     .max_cached_positions = pools_->max_length(),
                     .cache = pools_->capacity(),
                     .max_step = options_.max_step,
                     .usual_step = usual_step(options_.max_step, stages_.size()),
                     .max_sequences = options_.max_sequences,
                     .max_steps_in_flight = stages_.size(),
                     .default_max_tokens = options_.default_max_tokens,
                     .deep_stack = has_deep_layers ? info_.deep_stack : 0});
  stages_.start(*pools_, limits_, options_.hooks);
}

LanguagePipeline::~LanguagePipeline() = default;

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
  const SequenceId id(next_sequence_++);
  return TextWork(id, std::move(job), std::move(*cache), Seat(running_), std::move(others),
                  EndNote(ended_, id));
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
    if (item.rows.size() > options_.max_step - item.cache->under_way()) {
      throw InvalidArgument(
          "sequence {} was given {} rows besides {} that are under way; steps have {}",
          item.sequence.value(), item.rows.size(), item.cache->under_way(), options_.max_step);
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
  step.staged.wanted.clear();
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
      step.staged.given.push_back({begin + given.first, given.width(), given.values()});
    });
    const auto want = [&](std::int64_t row, auto what) {
      rows.outputs.push_back(static_cast<std::int32_t>(begin + row));
      step.staged.wanted.push_back({item.sequence,
                                    Position(first.value() + static_cast<std::int32_t>(row) + 1),
                                    std::move(what)});
    };
    for (std::int64_t row = 0; row < std::ssize(item.scores.following); ++row)
      want(row, WantScore{item.scores.following[static_cast<std::size_t>(row)],
                          item.scores.alternatives});
    if (const auto* token = std::get_if<WantToken>(&item.wanted)) want(count - 1, *token);
    if (const auto* logits = std::get_if<WantLogits>(&item.wanted))
      for (std::int64_t row = logits->all_rows ? 0 : count - 1; row < count; ++row)
        want(row, WantRowLogits{});
    begin += count;
  }
  pools_->begin_step(step.caches, step.staged.caches);
}

namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::unique_ptr<LanguagePipeline::Step> LanguagePipeline::empty_step() {
  if (spare_.empty()) return std::make_unique<Step>();
  std::unique_ptr<Step> step = std::move(spare_.back());
  spare_.pop_back();
  step->shares.clear();
  step->share_items.clear();
  step->items.clear();
  return step;
}

Ticket LanguagePipeline::begin(std::unique_ptr<Step> step, TextStages::Sequences sequences) {
  SIROCCO_CHECK(std::ssize(submitted_) < limits_->max_steps_in_flight);
  check(step->items);
  for (const SequenceId id : *ended_) stages_.finish(id);
  ended_->clear();
  step->began = now_s();
  put_together(*step);
  stages_.submit(step->staged, sequences, step->outcome);
  step->number = ++next_ticket_;
  submitted_.push_back(std::move(step));
  return Ticket(next_ticket_);
}

std::unique_ptr<LanguagePipeline::Step> LanguagePipeline::end(Ticket ticket) {
  SIROCCO_CHECK(!submitted_.empty() && ticket.number() == submitted_.front()->number);
  std::unique_ptr<Step> step = std::move(submitted_.front());
  submitted_.erase(submitted_.begin());
  try {
    stages_.wait();
  } catch (...) {
    for (const Share<TextWork>& share : step->shares) share.work->drop();
    throw;
  }
  return step;
}

namespace {

TextOutcome of_token(RowOutcome& row) {
  if (auto* one = std::get_if<ChosenToken>(&row)) return std::move(*one);
  if (auto* several = std::get_if<ChosenTokens>(&row)) return std::move(*several);
  return std::get<StepFault>(row);
}

}  // namespace

void LanguagePipeline::sort_outcomes(Step& step) {
  step.outcomes.resize(step.items.size());
  step.scores.resize(step.items.size());
  std::span<RowOutcome> rows = step.outcome.rows;
  std::span<const float> logits = step.outcome.logits;
  const auto next = [&]() -> RowOutcome& {
    RowOutcome& row = rows.front();
    rows = rows.subspan(1);
    return row;
  };
  for (std::size_t i = 0; i < step.items.size(); ++i) {
    const TextItem& item = step.items[i];
    step.scores[i].clear();
    for (std::size_t row = 0; row < item.scores.following.size(); ++row)
      step.scores[i].push_back(std::move(std::get<ChosenToken>(next())));
    TextOutcome& outcome = step.outcomes[i];
    if (const auto* want = std::get_if<WantLogits>(&item.wanted)) {
      // They lend their memory to those of the next step.
      if (!std::holds_alternative<StepLogits>(outcome)) outcome = StepLogits{};
      const std::int64_t count = want->all_rows ? item.rows.size() : 1;
      const auto values = static_cast<std::size_t>(count * info_.vocabulary);
      const std::span<const float> own = logits.first(values);
      std::get<StepLogits>(outcome).values.assign(own.begin(), own.end());
      logits = logits.subspan(values);
      rows = rows.subspan(static_cast<std::size_t>(count));
    } else if (std::holds_alternative<WantToken>(item.wanted)) {
      outcome = of_token(next());
    } else {
      outcome = NothingWanted{};
    }
  }
  if (!options_.hooks.token) return;
  for (std::size_t i = 0; i < step.items.size(); ++i) {
    for (const ChosenToken& token : tokens_of(step.outcomes[i]))
      options_.hooks.token(step.items[i].sequence, token.token);
  }
}

Ticket LanguagePipeline::submit(std::span<const Share<TextWork>> shares) {
  std::unique_ptr<Step> step = empty_step();
  step->shares.assign(shares.begin(), shares.end());
  for (const Share<TextWork>& share : shares) {
    const std::size_t before = step->items.size();
    share.work->list_items(share.rows, step->items);
    step->share_items.push_back(step->items.size() - before);
  }
  return begin(std::move(step), TextStages::Sequences::kLast);
}

double LanguagePipeline::wait(Ticket ticket) {
  std::unique_ptr<Step> step = end(std::move(ticket));
  sort_outcomes(*step);
  std::span<TextOutcome> outcomes = step->outcomes;
  std::span<ChosenTokens> scores = step->scores;
  for (std::size_t i = 0; i < step->shares.size(); ++i) {
    const std::size_t items = step->share_items[i];
    step->shares[i].work->take(outcomes.first(items), scores.first(items));
    outcomes = outcomes.subspan(items);
    scores = scores.subspan(items);
  }
  // Steps that overlap share the time: what is between the ends of two is the second one's.
  const double ended = now_s();
  const double seconds = ended - std::max(step->began, std::exchange(last_ended_, ended));
  spare_.push_back(std::move(step));
  return seconds;
}

Ticket LanguagePipeline::submit(std::span<const TextItem> items) {
  std::unique_ptr<Step> step = empty_step();
  step->items.assign(items.begin(), items.end());
  return begin(std::move(step), TextStages::Sequences::kOfStep);
}

std::span<const TextOutcome> LanguagePipeline::wait_for_items(Ticket ticket) {
  if (shown_ != nullptr) spare_.push_back(std::move(shown_));
  shown_ = end(std::move(ticket));
  sort_outcomes(*shown_);
  for (const TextItem& item : shown_->items) item.cache->end_step();
  return shown_->outcomes;
}

}  // namespace sirocco
