#include "sirocco/checkpoint/canonical.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "sirocco/checkpoint/derived_weights.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/folder_family.hpp"
#include "sirocco/checkpoint/folder_names.hpp"
#include "sirocco/checkpoint/folder_weights.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"

namespace sirocco {
namespace {

/// A description that keeps what its texts point into.
struct OwnedDescription {
  std::shared_ptr<const Metadata> folder;
  FolderDescription description;
  std::string lacks_head;
};

/// What models call the tensor that a GGUF file calls `name`.
std::string model_name(std::span<const TensorRule> rules, std::string_view name) {
  const NamePattern pattern = pattern_of(name);
  for (const TensorRule& rule : rules) {
    const std::string canonical = canonical_pattern(rule, pattern.text);
    if (!canonical.empty()) return with_numbers(canonical, pattern.numbers);
  }
  return std::string(name);
}

/// A GGUF file without the tensors that no answer depends on, and the others under the names that
/// models read.
CanonicalCheckpoint passed_gguf(std::shared_ptr<const Metadata> metadata,
                                std::shared_ptr<const WeightSource> weights,
                                const KnownFamilies& families) {
  const std::span<const std::string_view> known = families.gguf_architectures;
  const auto architecture = metadata->require<std::string_view>("general.architecture");
  // What no family runs, and what doesn't say how many layers it has, is for the model to refuse.
  if (std::ranges::find(known, architecture) == known.end() ||
      metadata->find(fmt::format("{}.block_count", architecture)) == nullptr)
    return {std::move(metadata), std::move(weights)};
  const GgufLayers layers = gguf_layers(*metadata);
  const auto named =
      std::ranges::find(families.gguf_names, architecture, &GgufSchema::architecture);
  const GgufSchema schema = named == families.gguf_names.end() ? GgufSchema{} : *named;
  PassedTensors passed(*weights, layers.run, layers.guessing, schema.writer);
  auto kept = std::make_shared<DerivedWeights>(weights, weights->rotary_rows());
  for (const StoredTensor& tensor : weights->tensors()) {
    if (!passed.pass(tensor)) kept->add(model_name(schema.tensors, tensor.name), tensor);
  }
  if (passed.counts().empty() && schema.tensors.empty())
    return {std::move(metadata), std::move(weights)};
  kept->name_by(
      [rules = schema.tensors](std::string_view name) { return folder_name(rules, "", name); });
  kept->finish();
  return {std::move(metadata), std::move(kept), passed.counts()};
}

}  // namespace

CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> folder,
                                         std::shared_ptr<const WeightSource> weights,
                                         const FolderSchema& schema,
                                         std::span<const EncoderSchema* const> encoders) {
  check_class(schema, *folder, encoders);
  auto owned = std::make_shared<OwnedDescription>(
      OwnedDescription{folder, describe_folder(*folder, schema), {}});
  FolderWeights folder_weights(schema, owned->description, std::move(weights));
  std::shared_ptr<const WeightSource> built = folder_weights.build();
  owned->lacks_head = folder_weights.lacks_head();
  if (!owned->lacks_head.empty())
    owned->description.set("lacks_head", std::string_view(owned->lacks_head));
  return {{owned, &owned->description}, std::move(built), folder_weights.passed()};
}

CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> metadata,
                                         std::shared_ptr<const WeightSource> weights,
                                         const KnownFamilies& families) {
  if (metadata->find("general.architecture") != nullptr)
    return passed_gguf(std::move(metadata), std::move(weights), families);
  if (metadata->find("config.model_type") == nullptr)
    return {std::move(metadata), std::move(weights)};
  const FolderSchema& schema = find_schema(*metadata, families.folders);
  return canonical_checkpoint(std::move(metadata), std::move(weights), schema, families.encoders);
}

}  // namespace sirocco
