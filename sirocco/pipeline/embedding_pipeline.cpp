#include "sirocco/pipeline/embedding_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/token_checks.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

// More rows at once gain nothing, and their activations leave the cores' caches.
constexpr int kUsualStep = 1024;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Pooling chosen_pooling(const ModelInfo& info, std::optional<Pooling> asked) {
  if (asked) return *asked;
  if (info.pooling) return *info.pooling;
  throw InvalidArgument(
      "{}: the checkpoint doesn't say how its rows become one embedding; choose a pooling: mean, "
      "cls or last",
      quoted(info.architecture));
}

std::int64_t chosen_width(std::int64_t width, std::int64_t asked) {
  if (asked == 0) return width;
  if (asked < 1 || asked > width) {
    throw InvalidArgument("{} dimensions were asked for; the model's embeddings have {}", asked,
                          width);
  }
  return asked;
}

}  // namespace

EmbeddingPipeline::EmbeddingPipeline(ModelInfo info, Head parts, std::vector<Linear> projections,
                                     const StagePlace& place, EmbeddingPipelineOptions options)
    : info_(std::move(info)),
      options_(std::move(options)),
      placed_(Stage<Head>(std::move(parts)), place),
      projections_(std::move(projections)),
      pooling_(chosen_pooling(info_, options_.pooling)),
      width_(chosen_width(whole_width(), options_.dimensions)),
      running_(std::make_shared<int>(0)) {
  if (options_.context < 0 || options_.max_sequences < 1 || options_.max_step < 1) {
    throw InvalidArgument(
        "a context of {}, {} sequences and {} rows a step: there must be at least one of each",
        options_.context, options_.max_sequences, options_.max_step);
  }
  if (info_.position_limit != 0 && options_.context > info_.position_limit) {
    throw InvalidArgument("a context of {} positions was asked for, but the model has {}",
                          options_.context, info_.position_limit);
  }
  if (options_.context == 0) options_.context = std::min(info_.context_length, options_.max_step);
  options_.max_step = std::max(options_.max_step, options_.context);
  CacheOptions cache;
  cache.type = options_.kv_type;
  cache.positions = options_.max_step;
  cache.max_sequences = options_.max_sequences;
  cache.max_step = options_.max_step;
  pools_ = CachePools::make({&placed_.stage.cache_layout()}, cache);
  placed_.allocate(pools_->shape(0));
  // Four products of the width with itself for attention, eight for the MLP.
  const double row_products = 12.0 * info_.layers * static_cast<double>(info_.width * info_.width);
  limits_ = std::make_shared<const PipelineLimits>(
      PipelineLimits{.vocabulary = info_.vocabulary,
                     .max_context = options_.context,
                     .max_cached_positions = options_.context,
                     .max_step = options_.max_step,
                     .usual_step = std::min(kUsualStep, options_.max_step),
                     .max_sequences = options_.max_sequences,
                     .encoded_a_row = row_products / kEncodedProducts,
                     .embedding_width = whole_width()});
}

EmbeddingPipeline::~EmbeddingPipeline() = default;

std::vector<StagePlacement> EmbeddingPipeline::placement() const {
  return {{"encoder", placed_.backend->name()}};
}

Tensor EmbeddingPipeline::pooled(const Hidden& hidden, TransformContext& context) const {
  Tensor x = hidden.values();  // of the first or last rows, where these were asked for
  if (pooling_ == Pooling::kMean) {
    const Tensor& begin = context.batch().row_begin;
    const Tensor mean =
        context.scratch().tensor(DType::kF32, {context.batch().sequences(), x.columns()});
    context.ops().mean_rows(x, begin, Out(mean));
    x = mean;
  }
  return projected(x, context);
}

Tensor EmbeddingPipeline::projected(Tensor x, TransformContext& context) const {
  for (const Linear& projection : projections_)
    x = projection.forward({.f32 = x, .q8 = {}}, context);
  return x;
}

const EmbeddingEvent& EmbeddingPipeline::embedding_of_nothing() {
  if (of_nothing_) return *of_nothing_;
  // A step of one row, of which no layer knows.
  staged_.rows.sequences.assign(1, {SequenceId(0), Position(0), 1});
  staged_.rows.outputs.assign(1, 0);
  const CacheViews none;
  TransformContext context(*placed_.backend, placed_.memory, staged_.rows, none);
  const std::vector<float> zeros(static_cast<std::size_t>(info_.width));
  const Tensor row =
      context.ops().upload(context.scratch(), std::span<const float>(zeros), {1, info_.width});
  const std::span<const float> values = context.ops().read(projected(row, context));
  of_nothing_.emplace(values.begin(), values.end());
  finish(*of_nothing_);
  return *of_nothing_;
}

void EmbeddingPipeline::finish(EmbeddingEvent& embedding) const {
  embedding.resize(static_cast<std::size_t>(width_));
  double squares = 0.0;
  for (const float value : embedding) squares += double{value} * value;
  if (!std::isfinite(squares)) return embedding.clear();
  if (!options_.normalize.value_or(true) || squares == 0.0) return;
  const double length = std::sqrt(squares);
  for (float& value : embedding) value = static_cast<float>(value / length);
}

std::vector<EmbeddingEvent> EmbeddingPipeline::run_step(
    std::span<const std::span<const TokenId>> sequences) {
  const auto begin = Clock::now();
  StepRows& rows = staged_.rows;
  rows.sequences.clear();
  rows.outputs.clear();
  staged_.tokens.clear();
  std::vector<SequenceCache> caches;
  caches.reserve(sequences.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const auto count = static_cast<std::int32_t>(sequences[i].size());
    const auto first = static_cast<std::int32_t>(staged_.tokens.size());
    auto cache = pools_->lease(count);
    SIROCCO_CHECK(cache.has_value());  // the pools hold any step
    rows.sequences.push_back({SequenceId(i), cache->extend(count), count});
    caches.push_back(std::move(*cache));
    staged_.tokens.insert(staged_.tokens.end(), sequences[i].begin(), sequences[i].end());
    const std::int32_t wanted = pooling_ == Pooling::kLast ? count - 1 : 0;
    const std::int32_t end = pooling_ == Pooling::kMean ? count : wanted + 1;
    for (std::int32_t row = wanted; row < end; ++row) rows.outputs.push_back(first + row);
  }
  std::vector<const SequenceCache*> views;
  for (const SequenceCache& cache : caches) views.push_back(&cache);
  pools_->begin_step(views, staged_.caches);
  const CacheViews& applied = placed_.cache->apply(staged_.caches.stages.front(), *placed_.backend);

  std::vector<EmbeddingEvent> out;
  {
    TransformContext context(*placed_.backend, placed_.memory, rows, applied);
    const Hidden hidden = placed_.stage.run(TokenBatch(staged_.tokens), context);
    const Tensor embeddings = pooled(hidden, context);
    const std::span<const float> values = context.ops().read(embeddings);
    const auto width = static_cast<std::size_t>(embeddings.columns());
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto row = values.subspan(i * width, width);
      out.emplace_back(row.begin(), row.end());
      finish(out.back());
    }
  }
  if (options_.hooks.stage) options_.hooks.stage({0, rows.rows(), seconds_since(begin)});
  return out;
}

std::vector<EmbeddingEvent> EmbeddingPipeline::step(
    std::span<const std::span<const TokenId>> sequences) {
  if (sequences.empty()) throw InvalidArgument("a step needs at least one sequence");
  if (std::ssize(sequences) > options_.max_sequences) {
    throw InvalidArgument("a step of {} sequences is more than the {} that it may have",
                          sequences.size(), options_.max_sequences);
  }
  std::vector<std::span<const TokenId>> with_tokens;
  std::size_t rows = 0;
  for (const std::span<const TokenId> tokens : sequences) {
    require_tokens(tokens, info_.vocabulary);
    rows += tokens.size();
    if (!tokens.empty()) with_tokens.push_back(tokens);
  }
  if (rows > static_cast<std::size_t>(options_.max_step)) {
    throw InvalidArgument("a step of {} rows is more than the {} that it may have", rows,
                          options_.max_step);
  }
  std::vector<EmbeddingEvent> made;
  if (!with_tokens.empty()) made = run_step(with_tokens);
  std::vector<EmbeddingEvent> out;
  auto next = made.begin();
  for (const std::span<const TokenId> tokens : sequences)
    out.push_back(tokens.empty() ? embedding_of_nothing() : std::move(*next++));
  return out;
}

std::optional<EmbeddingWork> EmbeddingPipeline::begin(CheckedEmbeddingJob& job) {
  // The cache lives for a step; so many can be in one.
  if (*running_ >= options_.max_sequences) return std::nullopt;
  if (auto* const tokens = std::get_if<std::vector<TokenId>>(&job.job_.of))
    return EmbeddingWork(std::move(*tokens), Seat(running_));
  auto& picture = std::get<std::shared_ptr<const EncoderInput>>(job.job_.of);
  return EmbeddingWork(std::make_unique<EncoderPass>(std::move(picture), placed_.ledger),
                       Seat(running_));
}

void EmbeddingPipeline::encode(const Share<EmbeddingWork>& share) {
  EmbeddingWork& work = *share.work;
  EncoderPass& pass = *std::get<std::unique_ptr<EncoderPass>>(work.of_);
  pass.advance(static_cast<double>(share.rows) * kEncodedProducts, *placed_.backend,
               placed_.memory);
  if (!pass.ended()) return;
  if (const auto& fault = pass.fault()) return work.fail(fault->kind, fault->message);
  EmbeddingEvent embedding(pass.rows().begin(), pass.rows().end());
  finish(embedding);
  work.take(std::move(embedding));
}

Ticket EmbeddingPipeline::submit(std::span<const Share<EmbeddingWork>> shares) {
  SIROCCO_CHECK(texts_.empty());  // one step in flight
  const auto begin = Clock::now();
  std::vector<EmbeddingWork*> texts;
  std::vector<std::span<const TokenId>> sequences;
  for (const Share<EmbeddingWork>& share : shares) {
    const auto* const text = std::get_if<EmbeddingWork::Text>(&share.work->of_);
    if (text == nullptr) {
      encode(share);
      continue;
    }
    texts.push_back(share.work);
    sequences.emplace_back(text->tokens);
  }
  if (!sequences.empty()) embeddings_ = step(sequences);
  texts_ = std::move(texts);
  seconds_ = seconds_since(begin);
  return Ticket(++steps_);
}

double EmbeddingPipeline::wait(Ticket ticket) {
  SIROCCO_CHECK(ticket.number() == steps_);
  for (std::size_t i = 0; i < texts_.size(); ++i) texts_[i]->take(std::move(embeddings_[i]));
  texts_.clear();
  return seconds_;
}

std::unique_ptr<EmbeddingPipeline> make_embedding_pipeline(ModelBuilder& builder,
                                                           const StagePlace& place,
                                                           EmbeddingPipelineOptions options) {
  chosen_pooling(builder.info(), options.pooling);  // before anything is loaded
  builder.expect_context(options.context);
  Head parts = load_parts<Head>(builder, builder.all_layers());
  return std::make_unique<EmbeddingPipeline>(builder.info(), std::move(parts),
                                             builder.projections(), place, std::move(options));
}

}  // namespace sirocco
