#include "sirocco/engine/opened_model.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/canonical_encoder.hpp"
#include "sirocco/checkpoint/quantized_weights.hpp"
#include "sirocco/engine/text_source.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/picture_folders.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/models/sound_folders.hpp"

namespace sirocco {

OpenedModel::OpenedModel(Machine& machine, const std::filesystem::path& path,
                         const OpenOptions& options)
    : machine_(machine),
      checkpoint_(open_checkpoint(path)),
      isa_(options.isa.value_or(best_isa(CpuFeatures::detect()))) {
  std::vector<std::optional<Device>> devices(static_cast<std::size_t>(options.stages),
                                             options.placement.device);
  if (!options.devices.empty()) {
    if (std::ssize(options.devices) != options.stages) {
      throw InvalidArgument("{} devices were given for {} stages; each needs one",
                            options.devices.size(), options.stages);
    }
    devices.assign(options.devices.begin(), options.devices.end());
  }
  const auto on_one = [](const std::optional<Device>& a) {
    return [&a](const std::optional<Device>& b) {
      return a.has_value() == b.has_value() && (!a || a->name == b->name);
    };
  };
  for (auto device = devices.begin(); device != devices.end(); ++device) {
    const CorePart part = {
        .number = static_cast<int>(std::count_if(devices.begin(), device, on_one(*device))),
        .parts = static_cast<int>(std::ranges::count_if(devices, on_one(*device)))};
    const int asked = options.placement.threads * part.parts / options.stages;
    ThreadGroup& threads = machine.threads(
        {.device = *device, .threads = options.placement.threads == 0 ? 0 : std::max(asked, 1)},
        part);
    threads_ += threads.size();
    ByteLedger& ledger = machine.ledger(*device);
    backends_.push_back(make_cpu_backend(isa_, threads, &ledger));
    places_.push_back({*backends_.back(), ledger});
  }
}

CanonicalCheckpoint OpenedModel::canonical(const OpenOptions& options) const {
  CanonicalCheckpoint canonical = canonical_checkpoint(checkpoint_.metadata, checkpoint_.weights);
  if (options.quantize != nullptr)
    canonical.weights = quantized_weights(std::move(canonical.weights), *options.quantize);
  return canonical;
}

ModelOutline OpenedModel::outline(const OpenOptions& options) const {
  const CanonicalCheckpoint canonical = this->canonical(options);
  return model_outline(*canonical.metadata, *canonical.weights);
}

void OpenedModel::load(OpenOptions options, FunctionRef<void(ModelBuilder&)> use, bool senses) {
  CanonicalCheckpoint canonical = this->canonical(options);
  if (senses)
    std::erase_if(canonical.passed, [](const PassedCount& count) { return count.senses; });
  log_passed(canonical.weights->origin(), canonical.passed);
  const auto builder = make_model_builder(*canonical.metadata, *canonical.weights, backend(),
                                          std::move(options.progress));
  use(*builder);
}

std::optional<Encoders> OpenedModel::load_encoders(const Checkpoint& from, std::int64_t width,
                                                   const OpenOptions& options) {
  const auto loaded = [&](std::span<const EncoderSchema* const> known, auto make) {
    std::optional<decltype(make(CanonicalCheckpoint()))> out;
    if (const auto canonical = canonical_encoder(from.metadata, from.weights, known))
      out.emplace(make(*canonical));
    return out;
  };
  auto pictures = loaded(known_encoders(), [&](const CanonicalCheckpoint& of) {
    return make_picture_encoder(*of.metadata, *of.weights, backend(), width, options.progress);
  });
  auto sounds = loaded(known_sound_encoders(), [&](const CanonicalCheckpoint& of) {
    return make_sound_encoder(*of.metadata, *of.weights, backend(), width, options.progress);
  });
  if (pictures && sounds) return Encoders(*std::move(pictures), *std::move(sounds));
  if (pictures) return Encoders(*std::move(pictures));
  if (sounds) return Encoders(*std::move(sounds));
  return std::nullopt;
}

std::uint64_t OpenedModel::row_products(const OpenOptions& options) const {
  const CanonicalCheckpoint canonical = this->canonical(options);
  std::uint64_t products = 0;
  for (const PartCost& layer : layer_costs(*canonical.metadata, *canonical.weights).layers)
    products += layer.products;
  return products;
}

const Tokenizer& OpenedModel::tokenizer(LetterCase letters) const {
  std::call_once(tokenizer_made_,
                 [&] { tokenizer_.emplace(make_tokenizer(checkpoint_, letters)); });
  return *tokenizer_;
}

}  // namespace sirocco
