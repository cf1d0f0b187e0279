#include "sirocco/engine/load.hpp"

#include <unistd.h>

#include <chrono>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "sirocco/engine/text_source.hpp"
#include "sirocco/kernels/cpu_backend.hpp"
#include "sirocco/models/canonical.hpp"

namespace sirocco {
namespace {

// What a cache may take when nobody says: half of the machine's memory.
std::uint64_t usual_cache_budget() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long size = sysconf(_SC_PAGE_SIZE);
  if (pages <= 0 || size <= 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(pages) / 2 * static_cast<std::uint64_t>(size);
}

}  // namespace

struct LoadedModel::State {
  Checkpoint checkpoint;
  Isa isa{};
  // In this order: each stands on the ones before it.
  std::unique_ptr<ThreadGroup> threads;
  std::unique_ptr<Backend> backend;
  std::shared_ptr<LanguagePipeline> pipeline;
  double load_seconds = 0;
  std::once_flag tokenizer_made;
  std::optional<Tokenizer> tokenizer;
};

LoadedModel::LoadedModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadedModel::LoadedModel(LoadedModel&&) noexcept = default;
LoadedModel& LoadedModel::operator=(LoadedModel&&) noexcept = default;
LoadedModel::~LoadedModel() = default;

LanguagePipeline& LoadedModel::pipeline() const { return *state_->pipeline; }
std::shared_ptr<LanguagePipeline> LoadedModel::shared_pipeline() const { return state_->pipeline; }
const Metadata& LoadedModel::metadata() const { return *state_->checkpoint.metadata; }
Backend& LoadedModel::backend() const { return *state_->backend; }
int LoadedModel::threads() const { return state_->threads->size(); }
Isa LoadedModel::isa() const { return state_->isa; }
double LoadedModel::load_seconds() const { return state_->load_seconds; }

const Tokenizer& LoadedModel::tokenizer() const {
  std::call_once(state_->tokenizer_made,
                 [&] { state_->tokenizer.emplace(make_tokenizer(state_->checkpoint)); });
  return *state_->tokenizer;
}

std::optional<std::string_view> LoadedModel::chat_template() const {
  return metadata().get<std::string_view>("tokenizer.chat_template");
}

LoadedModel load_language_model(const std::filesystem::path& path, LoadOptions options) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  auto state = std::make_unique<LoadedModel::State>();
  state->checkpoint = open_checkpoint(path);
  state->isa = options.isa.value_or(best_isa(CpuFeatures::detect()));
  const Device device =
      options.device.has_value() ? *options.device : DeviceTopology::detect().whole();
  const int threads = options.threads == 0 ? device.default_threads : options.threads;
  // Only a device that was asked for keeps its threads from the other cores.
  state->threads = std::make_unique<ThreadGroup>(threads, options.device.has_value()
                                                              ? std::span<const int>(device.cpus)
                                                              : std::span<const int>());
  state->backend = make_cpu_backend(state->isa, *state->threads, options.pipeline.ledger);
  if (options.pipeline.cache_budget == UINT64_MAX) {
    options.pipeline.cache_budget = usual_cache_budget();
  }
  CanonicalCheckpoint canonical =
      canonical_checkpoint(state->checkpoint.metadata, state->checkpoint.weights);
  if (options.quantize != nullptr)
    canonical.weights = quantized_weights(std::move(canonical.weights), *options.quantize);
  const auto builder = make_model_builder(*canonical.metadata, *canonical.weights, *state->backend,
                                          std::move(options.progress));
  state->pipeline =
      make_language_pipeline(*builder, *state->backend, std::move(options.pipeline), options.cuts);
  state->load_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return LoadedModel(std::move(state));
}

}  // namespace sirocco
