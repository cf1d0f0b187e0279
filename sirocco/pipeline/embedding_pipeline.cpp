#include "sirocco/pipeline/embedding_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

// Of `embed`: more rows at once gain nothing, and their activations leave the cores' caches.
constexpr std::size_t kUsualStep = 1024;

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
                                     Backend& backend, EmbeddingPipelineOptions options)
    : info_(std::move(info)),
      options_(std::move(options)),
      stage_(std::move(parts)),
      projections_(std::move(projections)),
      backend_(backend),
      pooling_(chosen_pooling(info_, options_.pooling)),
      width_(chosen_width(projections_.empty() ? info_.width : projections_.back().outputs(),
                          options_.dimensions)) {
  if (options_.context < 0 || options_.max_sequences < 1 || options_.largest_step < 1) {
    throw InvalidArgument(
        "a context of {}, {} sequences and {} rows a step: there must be at least one of each",
        options_.context, options_.max_sequences, options_.largest_step);
  }
  if (info_.position_limit != 0 && options_.context > info_.position_limit) {
    throw InvalidArgument("a context of {} positions was asked for, but the model has {}",
                          options_.context, info_.position_limit);
  }
  if (options_.context == 0)
    options_.context = std::min(info_.context_length, options_.largest_step);
  options_.largest_step = std::max(options_.largest_step, options_.context);
  CacheOptions cache;
  cache.type = options_.kv_type;
  cache.positions = options_.largest_step;
  cache.max_sequences = options_.max_sequences;
  cache.max_step = options_.largest_step;
  pools_ = CachePools::make({&stage_.cache_layout()}, cache);
  cache_.emplace(stage_.cache_layout(), pools_->shape(0), options_.ledger);
}

EmbeddingPipeline::~EmbeddingPipeline() = default;

std::vector<StagePlacement> EmbeddingPipeline::placement() const {
  return {{"encoder", backend_.name()}};
}

void EmbeddingPipeline::check_admissible(std::int64_t positions) const {
  if (positions < 1 || positions > options_.context) {
    throw InvalidArgument("{} positions don't fit into the context of {}", positions,
                          options_.context);
  }
}

bool EmbeddingPipeline::admit(SequenceId sequence, std::int64_t positions) {
  check_admissible(positions);
  if (admitted_.contains(sequence))
    throw InvalidArgument("sequence {} is already running", sequence.value());
  if (admitted_.size() >= static_cast<std::size_t>(options_.max_sequences)) return false;
  admitted_.emplace(sequence, positions);
  return true;
}

void EmbeddingPipeline::retire(SequenceId sequence) { admitted_.erase(sequence); }

void EmbeddingPipeline::check_tokens(std::span<const TokenId> tokens) const {
  for (const TokenId token : tokens) {
    if (token.value() < 0 || token.value() >= info_.vocabulary) {
      throw InvalidArgument("there is no token {} in a vocabulary of {}", token.value(),
                            info_.vocabulary);
    }
  }
}

void EmbeddingPipeline::check(const StepBatch& batch) const {
  if (batch.empty()) throw InvalidArgument("a step needs at least one sequence");
  std::size_t rows = 0;
  std::vector<SequenceId> ids;
  for (const StepItem& item : batch) {
    ids.push_back(item.sequence);
    const auto found = admitted_.find(item.sequence);
    if (found == admitted_.end())
      throw InvalidArgument("there is no sequence {}", item.sequence.value());
    if (item.tokens.empty() || std::ssize(item.tokens) > found->second) {
      throw InvalidArgument("sequence {} was given {} tokens; it has room for {}",
                            item.sequence.value(), item.tokens.size(), found->second);
    }
    if (!std::holds_alternative<WantEmbedding>(item.wanted)) {
      throw InvalidArgument(
          "an embedding pipeline makes embeddings of whole sequences and nothing else");
    }
    rows += item.tokens.size();
    check_tokens(item.tokens);
  }
  if (rows > static_cast<std::size_t>(options_.largest_step)) {
    throw InvalidArgument("a step of {} rows is more than the {} that it may have", rows,
                          options_.largest_step);
  }
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end())
    throw InvalidArgument("a sequence is in the same step twice");
}

Tensor EmbeddingPipeline::pooled(const Hidden& hidden, TransformContext& context) const {
  Tensor x = hidden.values();  // of the first or last rows, where these were asked for
  if (pooling_ == Pooling::kMean) {
    const Tensor& begin = context.batch().row_begin;
    const Tensor mean =
        context.scratch().tensor(DType::kF32, {context.batch().sequences(), x.columns()});
    context.ops().mean_rows(x, begin, mean);
    x = mean;
  }
  return projected(x, context);
}

Tensor EmbeddingPipeline::projected(Tensor x, TransformContext& context) const {
  for (const Linear& projection : projections_)
    x = projection.forward({.f32 = x, .q8 = {}}, context);
  return x;
}

std::vector<float> EmbeddingPipeline::embedding_of_nothing() {
  // A step of one row, of which no layer knows.
  rows_.sequences.assign(1, {SequenceId(0), Position(0), 1});
  rows_.outputs.assign(1, 0);
  const CacheViews none;
  TransformContext context(backend_, memory_, rows_, none);
  const std::vector<float> zeros(static_cast<std::size_t>(info_.width));
  const Tensor row =
      backend_.upload(context.scratch(), std::span<const float>(zeros), {1, info_.width});
  const std::span<const float> values = backend_.read(projected(row, context));
  std::vector<float> embedding(values.begin(), values.end());
  finish(embedding);
  return embedding;
}

void EmbeddingPipeline::finish(std::vector<float>& embedding) const {
  embedding.resize(static_cast<std::size_t>(width_));
  double squares = 0.0;
  for (const float value : embedding) squares += double{value} * value;
  if (!std::isfinite(squares)) return embedding.clear();
  if (!options_.normalize.value_or(true) || squares == 0.0) return;
  const double length = std::sqrt(squares);
  for (float& value : embedding) value = static_cast<float>(value / length);
}

std::vector<std::vector<float>> EmbeddingPipeline::run_step(
    std::span<const std::span<const TokenId>> sequences, std::span<const SequenceId> ids) {
  const auto begin = Clock::now();
  rows_.sequences.clear();
  rows_.outputs.clear();
  tokens_.clear();
  std::vector<SequenceCache> caches;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const auto count = static_cast<int>(sequences[i].size());
    const auto first = static_cast<std::int32_t>(tokens_.size());
    auto cache = pools_->lease(count);
    SIROCCO_CHECK(cache.has_value());  // the pools hold any step
    rows_.sequences.push_back({ids[i], cache->extend(count), count});
    caches.push_back(std::move(*cache));
    tokens_.insert(tokens_.end(), sequences[i].begin(), sequences[i].end());
    const std::int32_t wanted = pooling_ == Pooling::kLast ? count - 1 : 0;
    const std::int32_t end = pooling_ == Pooling::kMean ? count : wanted + 1;
    for (std::int32_t row = wanted; row < end; ++row) rows_.outputs.push_back(first + row);
  }
  std::vector<const SequenceCache*> views;
  for (const SequenceCache& cache : caches) views.push_back(&cache);

  std::vector<std::vector<float>> out;
  {
    pools_->begin_step(views, step_caches_);
    TransformContext context(backend_, memory_, rows_, cache_->apply(step_caches_.stages[0]));
    const Hidden hidden = stage_.run(TokenBatch(tokens_), context);
    const Tensor embeddings = pooled(hidden, context);
    const std::span<const float> values = backend_.read(embeddings);
    const auto width = static_cast<std::size_t>(embeddings.columns());
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto row = values.subspan(i * width, width);
      out.emplace_back(row.begin(), row.end());
      finish(out.back());
    }
  }
  if (options_.hooks.stage) options_.hooks.stage({0, rows_.rows(), seconds_since(begin)});
  return out;
}

Ticket EmbeddingPipeline::submit(const StepBatch& batch) {
  check(batch);
  const auto begin = Clock::now();
  std::vector<std::span<const TokenId>> sequences;
  std::vector<SequenceId> ids;
  for (const StepItem& item : batch) {
    sequences.push_back(item.tokens);
    ids.push_back(item.sequence);
  }
  std::vector<std::vector<float>> embeddings = run_step(sequences, ids);
  StepResult& result = results_.begin(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (embeddings[i].empty()) result.items[i].fault = StepFault::kEmbeddingNotFinite;
    result.items[i].embedding = std::move(embeddings[i]);
  }
  result.seconds = seconds_since(begin);
  return results_.finish();
}

std::vector<std::vector<float>> EmbeddingPipeline::embed(
    std::span<const std::vector<TokenId>> sequences) {
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const std::size_t count = sequences[i].size();
    if (count > static_cast<std::size_t>(options_.context)) {
      throw InvalidArgument("text {} has {} tokens; at most {} fit into the context", i + 1, count,
                            options_.context);
    }
    check_tokens(sequences[i]);
  }
  std::vector<std::vector<float>> out(sequences.size());
  std::vector<std::size_t> order;
  std::vector<float> of_nothing;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (!sequences[i].empty()) {
      order.push_back(i);
      continue;
    }
    if (of_nothing.empty()) of_nothing = embedding_of_nothing();
    out[i] = of_nothing;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sequences[a].size() > sequences[b].size();
  });
  const std::size_t largest = std::min(kUsualStep, static_cast<std::size_t>(options_.largest_step));
  for (std::size_t begin = 0; begin < order.size();) {
    std::vector<std::span<const TokenId>> step;
    std::vector<SequenceId> ids;
    std::size_t rows = 0;
    std::size_t end = begin;
    for (; end < order.size() && step.size() < static_cast<std::size_t>(options_.max_sequences);
         ++end) {
      const std::vector<TokenId>& next = sequences[order[end]];
      rows += next.size();
      if (!step.empty() && rows > largest) break;
      step.emplace_back(next);
      ids.emplace_back(order[end]);
    }
    std::vector<std::vector<float>> embeddings = run_step(step, ids);
    for (std::size_t i = begin; i < end; ++i) {
      out[order[i]] = std::move(embeddings[i - begin]);
      if (out[order[i]].empty()) {
        throw NotANumber("text {}: {}", order[i] + 1,
                         step_fault_text(StepFault::kEmbeddingNotFinite));
      }
    }
    begin = end;
  }
  return out;
}

std::unique_ptr<EmbeddingPipeline> make_embedding_pipeline(ModelBuilder& builder, Backend& backend,
                                                           EmbeddingPipelineOptions options) {
  chosen_pooling(builder.info(), options.pooling);  // before anything is loaded
  builder.expect_context(options.context);
  return std::make_unique<EmbeddingPipeline>(builder.info(),
                                             load_parts<Head>(builder, builder.all_layers()),
                                             builder.projections(), backend, std::move(options));
}

}  // namespace sirocco
