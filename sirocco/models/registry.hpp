#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "sirocco/checkpoint/canonical.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/models/model_sources.hpp"
#include "sirocco/models/speech_model.hpp"

namespace sirocco {

/// The families that can be run, in the order of the registry.
KnownFamilies known_families();

/// A checkpoint of one of these in the words that models read.
CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> metadata,
                                         std::shared_ptr<const WeightSource> weights);

/// The builder for the architecture that `metadata` names. Throws UnsupportedError, which lists the
/// known ones and the nearest name, when there is none, for files that hold no model, and for
/// tensors that no part of it reads; FormatError where one that stands beside another is missing.
/// What it is given is canonical: what no answer depends on has been left out.
std::unique_ptr<ModelBuilder> make_model_builder(const Metadata& metadata,
                                                 const WeightSource& weights, WeightPacker& packer,
                                                 LoadProgress progress = {});

/// Whether `metadata` describes a model that writes down what it hears.
bool describes_speech_model(const Metadata& metadata);

/// A folder of a model that writes down what it hears, in the words that such models read. Throws
/// UnsupportedError for other folders and for GGUF files, and what the other function throws.
CanonicalCheckpoint canonical_speech_checkpoint(std::shared_ptr<const Metadata> metadata,
                                                std::shared_ptr<const WeightSource> weights);

/// Loads the model of such a checkpoint. Throws FormatError, UnsupportedError, ResourceExhausted.
SpeechModel load_speech_model(const ModelSources& from);

/// A SupportedModel is what people want to know of an architecture that can be run:
/// docs/supported-models.md is made of it.
struct SupportedModel {
  std::string_view architecture;              ///< of GGUF files
  std::string_view models;                    ///< the names that people know: "Qwen3"
  std::string_view source;                    ///< its pair of files in sirocco/models: "qwen3"
  std::vector<std::string_view> model_types;  ///< of Hugging Face folders; empty: GGUF only
};
std::vector<SupportedModel> supported_models();

}  // namespace sirocco
