#include <algorithm>
#include <utility>
#include <variant>

#include "sirocco/checkpoint/quantized_weights.hpp"
#include "sirocco/models/registry.hpp"
#include "tests/models/step_runner_testing.hpp"

namespace sirocco::testing {

std::vector<TokenId> token_ids(std::span<const std::int32_t> numbers) {
  return std::vector<TokenId>(numbers.begin(), numbers.end());
}

namespace {

std::unique_ptr<Backend> make_backend(const StepRunner::Options& options, ThreadGroup& threads) {
  return options.oracle ? make_oracle_backend(options.isa, threads)
                        : make_cpu_backend(options.isa, threads);
}

}  // namespace

StepRunner::StepRunner(const std::filesystem::path& model, const Options& options)
    : StepRunner(open_checkpoint(model), options) {}

StepRunner::StepRunner(const Checkpoint& checkpoint, const Options& options)
    : threads_(options.threads),
      backend_(make_backend(options, threads_)),
      caches_(static_cast<std::size_t>(options.sequences)) {
  CanonicalCheckpoint canonical = canonical_checkpoint(checkpoint.metadata, checkpoint.weights);
  if (options.quantize != nullptr)
    canonical.weights = quantized_weights(std::move(canonical.weights), *options.quantize);
  const auto builder = make_model_builder(*canonical.metadata, *canonical.weights, *backend_);
  const std::int32_t limit = builder->info().position_limit;
  LanguagePipelineOptions made;
  made.context = limit == 0 ? options.longest : std::min(options.longest, limit);
  made.cache_positions = std::int64_t{options.sequences} * made.context;
  made.kv_type = options.kv_type;
  made.block_positions = options.block_positions;
  made.max_sequences = options.sequences;
  made.max_step = options.sequences * made.context;
  made.blocks = {.shuffle_seed = options.seed, .poison = true};
  std::vector<LayerIndex> cuts;
  for (const std::int32_t layer : options.cuts) cuts.emplace_back(layer);
  std::vector<StagePlace> places = {{*backend_, ledger_}};
  while (places.size() <= cuts.size()) {
    behind_.push_back(make_backend(options, threads_));
    places.push_back({*behind_.back(), ledger_});
  }
  pipeline_ = make_language_pipeline(*builder, places, std::move(made), cuts);
}

SequenceCache& StepRunner::cache(int sequence) {
  std::optional<SequenceCache>& cache = caches_[static_cast<std::size_t>(sequence)];
  if (!cache) cache = pipeline_->lease(pipeline_->limits()->max_context);
  return cache.value();
}

void StepRunner::fork(int from, int to) {
  caches_[static_cast<std::size_t>(to)] = cache(from).fork(pipeline_->limits()->max_context);
}

std::vector<std::vector<float>> StepRunner::step(const std::vector<Chunk>& chunks) {
  std::vector<TextItem> items;
  for (const Chunk& chunk : chunks) {
    items.push_back({SequenceId(static_cast<std::uint64_t>(chunk.sequence)), &cache(chunk.sequence),
                     chunk.rows, WantLogits{.all_rows = true}});
  }
  const auto width = static_cast<std::ptrdiff_t>(info().vocabulary);
  std::vector<std::vector<float>> out;
  for (const TextOutcome& outcome : pipeline_->step(items)) {
    const std::vector<float>& logits = std::get<StepLogits>(outcome).values;
    for (auto row = logits.begin(); row != logits.end(); row += width)
      out.emplace_back(row, row + width);
  }
  return out;
}

}  // namespace sirocco::testing
