#include "sirocco/engine/opened_model.hpp"

#include <utility>

#include "sirocco/checkpoint/quantized_weights.hpp"
#include "sirocco/engine/text_source.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/pipeline/stage_plan.hpp"

namespace sirocco {

OpenedModel::OpenedModel(Machine& machine, const std::filesystem::path& path,
                         const OpenOptions& options)
    : machine_(machine),
      checkpoint_(open_checkpoint(path)),
      isa_(options.isa.value_or(best_isa(CpuFeatures::detect()))) {
  for (int stage = 0; stage < options.stages; ++stage) {
    ThreadGroup& threads = machine.threads(options.placement, {stage, options.stages});
    threads_ += threads.size();
    backends_.push_back(make_cpu_backend(isa_, threads, &machine.ledger()));
  }
}

std::vector<Backend*> OpenedModel::backends() const {
  std::vector<Backend*> out;
  for (const auto& backend : backends_) out.push_back(backend.get());
  return out;
}

LayerCosts OpenedModel::layer_costs() const {
  const CanonicalCheckpoint canonical =
      canonical_checkpoint(checkpoint_.metadata, checkpoint_.weights);
  return sirocco::layer_costs(*canonical.metadata, *canonical.weights);
}

std::vector<LayerIndex> OpenedModel::even_cuts() const {
  if (backends_.size() == 1) return {};
  std::vector<StageDevice> devices;
  for (const auto& backend : backends_)
    devices.push_back({.bytes_per_second = static_cast<double>(backend->host_threads().size())});
  return cuts_of(plan_stages(layer_costs(), devices, 0));
}

void OpenedModel::load(OpenOptions options, FunctionRef<void(ModelBuilder&)> use) {
  CanonicalCheckpoint canonical = canonical_checkpoint(checkpoint_.metadata, checkpoint_.weights);
  log_passed(canonical.weights->origin(), canonical.passed);
  if (options.quantize != nullptr)
    canonical.weights = quantized_weights(std::move(canonical.weights), *options.quantize);
  const auto builder = make_model_builder(*canonical.metadata, *canonical.weights, backend(),
                                          std::move(options.progress));
  use(*builder);
}

const Tokenizer& OpenedModel::tokenizer(LetterCase letters) const {
  std::call_once(tokenizer_made_,
                 [&] { tokenizer_.emplace(make_tokenizer(checkpoint_, letters)); });
  return *tokenizer_;
}

}  // namespace sirocco
