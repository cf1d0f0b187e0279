#include "sirocco/pipeline/language_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using Clock = std::chrono::steady_clock;

// Of `score`, which no request ever has.
constexpr SequenceId kScored(UINT64_MAX);

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

/// What a stage needs besides its parts.
struct LanguagePipeline::StageState {
  Backend* backend;
  std::string_view role;
  StepMemory memory;
  std::optional<CacheMemory> cache;
  const CacheViews* views = nullptr;  // of the step that runs
};

LanguagePipeline::LanguagePipeline(ModelInfo info, Whole parts, Backend& backend,
                                   LanguagePipelineOptions options)
    : info_(std::move(info)),
      options_(std::move(options)),
      stages_(Stage<Whole>(std::move(parts))) {
  states_.push_back(std::make_unique<StageState>(StageState{&backend, "whole", {}, {}, nullptr}));
  finish_construction();
}

LanguagePipeline::LanguagePipeline(ModelInfo info, StageChain stages,
                                   std::vector<Backend*> backends, LanguagePipelineOptions options)
    : info_(std::move(info)), options_(std::move(options)), stages_(std::move(stages)) {
  const std::size_t count = std::get<StageChain>(stages_).middles.size() + 2;
  if (backends.size() == 1) backends.resize(count, backends.front());
  if (backends.size() != count) {
    throw InvalidArgument("{} backends were given for {} stages; one, or one for each, is needed",
                          backends.size(), count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view role = i == 0 ? "head" : i + 1 == count ? "tail" : "middle";
    states_.push_back(std::make_unique<StageState>(StageState{backends[i], role, {}, {}, nullptr}));
  }
  finish_construction();
}

LanguagePipeline::~LanguagePipeline() = default;

void LanguagePipeline::finish_construction() {
  std::vector<const CacheLayout*> layouts;
  if (const auto* whole = std::get_if<Stage<Whole>>(&stages_)) {
    layouts.push_back(&whole->cache_layout());
  } else {
    const StageChain& chain = std::get<StageChain>(stages_);
    layouts.push_back(&chain.head.cache_layout());
    for (const Stage<Middle>& middle : chain.middles) layouts.push_back(&middle.cache_layout());
    layouts.push_back(&chain.tail.cache_layout());
  }
  CacheOptions cache;
  cache.type = options_.kv_type;
  cache.block_positions = options_.block_positions;
  cache.max_sequences = options_.max_sequences;
  cache.max_step = options_.largest_step;
  cache.blocks = options_.blocks;
  if (options_.block_positions < 1) {
    throw InvalidArgument("block_positions is {}; it must be a multiple of 16",
                          options_.block_positions);
  }
  if (options_.context == 0) {
    options_.context = info_.context_length;
    const std::uint64_t budget = options_.ledger != nullptr
                                     ? std::min(options_.cache_budget, options_.ledger->free())
                                     : options_.cache_budget;
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
  cache.positions = options_.cache_positions == 0 ? options_.context : options_.cache_positions;
  pools_ = CachePools::make(layouts, cache);
  for (std::size_t i = 0; i < states_.size(); ++i)
    states_[i]->cache.emplace(*layouts[i], pools_->shape(static_cast<int>(i)), options_.ledger);
  options_.context =
      static_cast<std::int32_t>(std::min<std::int64_t>(options_.context, pools_->max_length()));
}

std::vector<StagePlacement> LanguagePipeline::placement() const {
  std::vector<StagePlacement> out;
  out.reserve(states_.size());
  for (const auto& state : states_) out.push_back({state->role, state->backend->name()});
  return out;
}

void LanguagePipeline::check_admissible(std::int64_t positions) const {
  if (positions < 1 || positions > options_.context) {
    throw InvalidArgument("{} positions don't fit into the context of {}", positions,
                          options_.context);
  }
  if (positions > pools_->max_length()) {
    throw ResourceExhausted("{} positions are needed and the cache holds {} in all", positions,
                            pools_->max_length());
  }
}

bool LanguagePipeline::admit(SequenceId sequence, std::int64_t positions) {
  check_admissible(positions);
  if (sequences_.contains(sequence)) {
    throw InvalidArgument("sequence {} is already running", sequence.value());
  }
  if (sequences_.size() >= static_cast<std::size_t>(options_.max_sequences)) return false;
  auto cache = pools_->lease(positions);
  if (!cache) return false;
  sequences_.emplace(sequence, std::move(*cache));
  return true;
}

void LanguagePipeline::retire(SequenceId sequence) { sequences_.erase(sequence); }

std::int32_t LanguagePipeline::length(SequenceId sequence) const {
  const auto found = sequences_.find(sequence);
  return found == sequences_.end() ? 0 : found->second.length();
}

void LanguagePipeline::truncate(SequenceId sequence, std::int32_t length) {
  const auto found = sequences_.find(sequence);
  if (found == sequences_.end() || length < 0) {
    throw InvalidArgument("sequence {} can't be cut to {} positions", sequence.value(), length);
  }
  found->second.truncate(length);
}

bool LanguagePipeline::fork(SequenceId from, SequenceId to, std::int64_t positions) {
  check_admissible(positions);
  const auto found = sequences_.find(from);
  if (found == sequences_.end() || sequences_.contains(to)) {
    throw InvalidArgument("sequence {} can't be forked into {}", from.value(), to.value());
  }
  if (positions < found->second.length()) {
    throw InvalidArgument("a fork of {} positions can't hold the {} that are there", positions,
                          found->second.length());
  }
  if (sequences_.size() >= static_cast<std::size_t>(options_.max_sequences)) return false;
  auto cache = found->second.fork(positions);
  if (!cache) return false;
  sequences_.emplace(to, std::move(*cache));
  return true;
}

void LanguagePipeline::check(const StepBatch& batch) {
  if (batch.empty()) throw InvalidArgument("a step needs at least one sequence");
  std::size_t rows = 0;
  ids_.clear();
  for (const StepItem& item : batch) {
    ids_.push_back(item.sequence);
    const auto found = sequences_.find(item.sequence);
    if (found == sequences_.end()) {
      throw InvalidArgument("there is no sequence {}", item.sequence.value());
    }
    const std::size_t room =
        static_cast<std::size_t>(found->second.max_length() - found->second.length());
    if (item.tokens.empty() || item.tokens.size() > room) {
      throw InvalidArgument("sequence {} was given {} tokens; it has room for {}",
                            item.sequence.value(), item.tokens.size(), room);
    }
    if (std::holds_alternative<WantEmbedding>(item.wanted))
      throw InvalidArgument("a text pipeline makes no embeddings");
    rows += item.tokens.size();
    for (const TokenId token : item.tokens) {
      if (token.value() < 0 || token.value() >= info_.vocabulary) {
        throw InvalidArgument("there is no token {} in a vocabulary of {}", token.value(),
                              info_.vocabulary);
      }
    }
  }
  if (rows > static_cast<std::size_t>(options_.largest_step)) {
    throw InvalidArgument("a step of {} rows is more than the {} that it may have", rows,
                          options_.largest_step);
  }
  std::sort(ids_.begin(), ids_.end());
  if (std::adjacent_find(ids_.begin(), ids_.end()) != ids_.end()) {
    throw InvalidArgument("a sequence is in the same step twice");
  }
}

void LanguagePipeline::show_logits(const Logits& logits, Backend& backend, Show show) const {
  if (wanted_.empty()) return;
  const std::span<const float> values = backend.read(logits.values());
  const auto width = static_cast<std::size_t>(logits.values().columns());
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    show(wanted_[i].first, wanted_[i].second, values.subspan(i * width, width));
  }
}

void LanguagePipeline::run_step(const StepBatch& batch, Show show) {
  rows_.sequences.clear();
  rows_.outputs.clear();
  tokens_.clear();
  caches_.clear();
  wanted_.clear();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const StepItem& item = batch[i];
    const auto begin = static_cast<std::int32_t>(tokens_.size());
    const int count = static_cast<int>(item.tokens.size());
    SequenceCache& cache = sequences_.at(item.sequence);
    rows_.sequences.push_back({item.sequence, cache.extend(count), count});
    caches_.push_back(&cache);
    tokens_.insert(tokens_.end(), item.tokens.begin(), item.tokens.end());
    if (std::holds_alternative<NoOutput>(item.wanted)) continue;
    const auto* logits = std::get_if<WantLogits>(&item.wanted);
    for (int row = logits != nullptr && logits->all_rows ? 0 : count - 1; row < count; ++row) {
      rows_.outputs.push_back(begin + row);
      wanted_.emplace_back(i, row);
    }
  }

  pools_->begin_step(caches_, step_caches_);
  for (std::size_t i = 0; i < states_.size(); ++i)
    states_[i]->views = &states_[i]->cache->apply(step_caches_.stages[i]);

  // Each stage has a context of its own, which ends before the next one's begins.
  const auto in_stage = [&](std::size_t index, auto body) {
    StageState& state = *states_[index];
    const auto begin = Clock::now();
    {
      TransformContext context(*state.backend, state.memory, rows_, *state.views);
      body(context);
    }
    if (options_.hooks.stage) {
      options_.hooks.stage({static_cast<int>(index), rows_.rows(), seconds_since(begin)});
    }
  };
  const auto send_on = [&](std::size_t index, const Hidden& hidden, TransformContext& context) {
    send(hidden, context, sent_);
    if (options_.hooks.sent) options_.hooks.sent(static_cast<int>(index), sent_.bytes());
  };
  const TokenBatch tokens(tokens_);
  if (const auto* whole = std::get_if<Stage<Whole>>(&stages_)) {
    in_stage(0, [&](TransformContext& context) {
      show_logits(whole->run(tokens, context), context.ops(), show);
    });
  } else {
    const StageChain& chain = std::get<StageChain>(stages_);
    in_stage(0, [&](TransformContext& c) { send_on(0, chain.head.run(tokens, c), c); });
    for (std::size_t i = 0; i < chain.middles.size(); ++i) {
      in_stage(i + 1, [&](TransformContext& c) {
        send_on(i + 1, chain.middles[i].run(receive(sent_, c), c), c);
      });
    }
    in_stage(states_.size() - 1, [&](TransformContext& c) {
      show_logits(chain.tail.run(receive(sent_, c), c), c.ops(), show);
    });
  }
  for (const StepItem& item : batch) sequences_.at(item.sequence).end_step();
}

Ticket LanguagePipeline::submit(const StepBatch& batch) {
  check(batch);
  const auto begin = Clock::now();
  StepResult& result = results_.begin(batch);
  run_step(batch, [&](std::size_t i, std::int64_t, std::span<const float> logits) {
    StepItemResult& out = result.items[i];
    if (const auto* want = std::get_if<WantToken>(&batch[i].wanted)) {
      const Sampled sampled =
          want->sampler->sample(logits, want->own, want->own.size(), want->choice, sampling_);
      if (const auto* fault = std::get_if<StepFault>(&sampled)) {
        out.fault = *fault;
        return;
      }
      out.token = std::get<TokenId>(sampled);
      if (options_.hooks.token) options_.hooks.token(out.sequence, *out.token);
    } else {
      out.logits.insert(out.logits.end(), logits.begin(), logits.end());
    }
  });
  result.seconds = seconds_since(begin);
  return results_.finish();
}

void LanguagePipeline::score(std::span<const TokenId> tokens, std::span<const int> chunks,
                             VisitLogits visit) {
  if (tokens.empty()) throw InvalidArgument("there are no tokens to score");
  for (const int chunk : chunks) {
    if (chunk < 1 || chunk > options_.largest_step) {
      throw InvalidArgument("a chunk has {} tokens; a step has 1 to {}", chunk,
                            options_.largest_step);
    }
  }
  // So that the logits of one step stay below 64 MiB, whatever the vocabulary.
  const auto affordable = (std::int64_t{16} << 20) / std::max<std::int64_t>(info_.vocabulary, 1);
  const int usual =
      static_cast<int>(std::clamp<std::int64_t>(affordable, 1, options_.largest_step));
  if (!admit(kScored, static_cast<std::int64_t>(tokens.size()))) {
    throw ResourceExhausted("no room in the cache for {} positions now: {} are free", tokens.size(),
                            pools_->available_positions());
  }
  struct Retire {
    LanguagePipeline& pipeline;
    ~Retire() { pipeline.retire(kScored); }
  } const retire{*this};
  std::size_t step = 0;
  for (std::size_t begin = 0; begin < tokens.size(); ++step) {
    const int size = chunks.empty() ? usual : chunks[std::min(step, chunks.size() - 1)];
    const std::size_t count = std::min(static_cast<std::size_t>(size), tokens.size() - begin);
    const StepBatch batch = {{kScored, tokens.subspan(begin, count), WantLogits{.all_rows = true}}};
    check(batch);
    run_step(batch, [&](std::size_t, std::int64_t row, std::span<const float> logits) {
      visit(static_cast<std::int64_t>(begin) + row, logits);
    });
    begin += count;
  }
}

std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder, Backend& backend,
                                                         LanguagePipelineOptions options,
                                                         std::span<const LayerIndex> cuts) {
  if (!builder.info().generates) builder.lm_head();  // says what it is
  builder.expect_context(options.context);
  if (cuts.empty()) {
    return std::make_unique<LanguagePipeline>(builder.info(),
                                              load_parts<Whole>(builder, builder.all_layers()),
                                              backend, std::move(options));
  }
  std::int32_t last = 0;
  for (const LayerIndex cut : cuts) {
    if (cut.value() <= last || cut.value() >= builder.info().layers) {
      throw InvalidArgument("a cut after layer {} leaves a stage empty; the model has {} layers",
                            cut.value(), builder.info().layers);
    }
    last = cut.value();
  }
  Stage<Head> head(load_parts<Head>(builder, {LayerIndex(0), cuts.front()}));
  std::vector<Stage<Middle>> middles;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    middles.emplace_back(load_parts<Middle>(builder, {cuts[i], cuts[i + 1]}));
  }
  Stage<Tail> tail(load_parts<Tail>(builder, {cuts.back(), LayerIndex(builder.info().layers)}));
  return std::make_unique<LanguagePipeline>(
      builder.info(), StageChain(std::move(head), std::move(middles), std::move(tail)),
      std::vector<Backend*>{&backend}, std::move(options));
}

}  // namespace sirocco
