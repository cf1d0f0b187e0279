#include "sirocco/models/registry.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/companions.hpp"
#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/checkpoint/known_names.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"
#include "sirocco/models/bert.hpp"
#include "sirocco/models/clip_text.hpp"
#include "sirocco/models/deepseek2.hpp"
#include "sirocco/models/gemma.hpp"
#include "sirocco/models/gpt2.hpp"
#include "sirocco/models/gpt_oss.hpp"
#include "sirocco/models/llama.hpp"
#include "sirocco/models/phi2.hpp"
#include "sirocco/models/picture_folders.hpp"
#include "sirocco/models/qwen3.hpp"
#include "sirocco/models/sound_folders.hpp"
#include "sirocco/models/t5.hpp"
#include "sirocco/models/whisper.hpp"

namespace sirocco {
namespace {

struct RegisteredFamily {
  std::string_view architecture;
  std::string_view models;  ///< the names that people know
  std::string_view source;  ///< its pair of files
  std::unique_ptr<ModelBuilder> (*make_builder)(const ModelSources&);
  /// Its Hugging Face folders, one schema or several.
  std::array<const FolderSchema*, 3> folders = {};
  const GgufSchema* gguf = nullptr;  ///< where its GGUF files have names of their own
};

constexpr std::array kFamilies = {
    RegisteredFamily{"llama",
                     "Llama 1 to 3, Mistral, Mixtral, SmolLM",
                     "llama",
                     make_llama_builder,
                     {&kLlamaFolder, &kMistralFolder, &kMixtralFolder}},
    RegisteredFamily{"gemma2", "Gemma 2", "gemma", make_gemma_builder, {&kGemma2Folder}},
    RegisteredFamily{"gemma3", "Gemma 3 (text)", "gemma", make_gemma_builder, {&kGemma3Folder}},
    RegisteredFamily{"qwen2", "Qwen2, Qwen2.5", "qwen3", make_qwen3_builder, {&kQwen2Folder}},
    RegisteredFamily{
        "qwen3", "Qwen3, Qwen3-Embedding", "qwen3", make_qwen3_builder, {&kQwen3Folder}},
    RegisteredFamily{"qwen3moe", "Qwen3-MoE", "qwen3", make_qwen3_builder, {&kQwen3MoeFolder}},
    RegisteredFamily{
        "qwen2vl", "Qwen2-VL, Qwen2.5-VL (text)", "qwen3", make_qwen3_builder, {&kQwen2VlFolder}},
    RegisteredFamily{
        "qwen3vl", "Qwen3-VL (text)", "qwen3", make_qwen3_vl_builder, {&kQwen3VlFolder}},
    RegisteredFamily{
        "qwen3vlmoe", "Qwen3-VL-MoE (text)", "qwen3", make_qwen3_vl_builder, {&kQwen3VlMoeFolder}},
    RegisteredFamily{
        "mistral3", "Mistral Small 3 (text)", "llama", make_mistral3_builder, {&kMistralFolder}},
    RegisteredFamily{"gpt2", "GPT-2", "gpt2", make_gpt2_builder, {&kGpt2Folder}},
    RegisteredFamily{"phi2", "Phi-1, Phi-1.5, Phi-2", "phi2", make_phi2_builder, {&kPhi2Folder}},
    RegisteredFamily{"gpt-oss", "gpt-oss", "gpt_oss", make_gpt_oss_builder, {&kGptOssFolder}},
    RegisteredFamily{"bert",
                     "BERT, and encoders made of it (MiniLM, BGE, …)",
                     "bert",
                     make_bert_builder,
                     {&kBertFolder}},
    RegisteredFamily{"clip-text",
                     "CLIP (texts and pictures)",
                     "clip_text",
                     make_clip_text_builder,
                     {&kClipTextFolder}},
    RegisteredFamily{"siglip-text",
                     "SigLIP, SigLIP 2 of one size (texts and pictures)",
                     "clip_text",
                     make_siglip_text_builder,
                     {&kSiglipTextFolder}},
    RegisteredFamily{
        "gemma-embedding", "EmbeddingGemma", "gemma", make_gemma_builder, {&kEmbeddingGemmaFolder}},
    RegisteredFamily{"deepseek2",
                     "DeepSeek-V2, DeepSeek-V3",
                     "deepseek2",
                     make_deepseek2_builder,
                     {&kDeepSeek2Folder, &kDeepSeek3Folder}},
    RegisteredFamily{
        "t5encoder", "T5's encoder", "t5", make_t5_builder, {&kT5Folder}, &kT5EncoderGguf},
    RegisteredFamily{
        "t5", "T5, of which the encoder is run", "t5", make_t5_builder, {&kT5Folder}, &kT5Gguf},
};

/// A family whose models write down what they hear.
struct RegisteredSpeechFamily {
  const FolderSchema& folder;
  SpeechModel (*load)(const ModelSources&);
};
constexpr std::array kSpeechFamilies = {RegisteredSpeechFamily{kWhisperFolder, load_whisper}};

/// The family of a folder with such a model, or null.
const RegisteredSpeechFamily* speech_family(const Metadata& metadata) {
  const auto type = metadata.get<std::string_view>("config.model_type");
  if (!type) return nullptr;
  const auto* const found = std::ranges::find_if(kSpeechFamilies, [&](const auto& family) {
    return std::ranges::find(family.folder.model_types, *type) != family.folder.model_types.end();
  });
  return found == kSpeechFamilies.end() ? nullptr : found;
}

constexpr auto kNames = [] {
  std::array<std::string_view, kFamilies.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kFamilies[i].architecture;
  return names;
}();

/// Calls f for each schema, in order.
template <class F>
constexpr void each_folder(const F& f) {
  for (const RegisteredFamily& family : kFamilies) {
    for (const FolderSchema* schema : family.folders) {
      if (schema != nullptr) f(schema);
    }
  }
}

constexpr auto kFolders = [] {
  constexpr std::size_t kCount = [] {
    std::size_t count = 0;
    each_folder([&](const FolderSchema*) { ++count; });
    return count;
  }();
  std::array<const FolderSchema*, kCount> all{};
  std::size_t at = 0;
  each_folder([&](const FolderSchema* schema) { all[at++] = schema; });
  return all;
}();

/// GGUF files that hold no model, by a value of theirs.
struct Foreign {
  std::string_view key;
  std::string_view value;
  std::string_view what;
};
constexpr std::array kForeign = {
    Foreign{"general.type", "adapter", "an adapter, no model of its own: merge it into its model"},
    Foreign{"general.type", "imatrix",
            "an importance matrix for quantizing, no model: name the model's own file"},
    Foreign{"general.type", "mmproj",
            "the part of a model for pictures or sound: name the file of its text part"},
    Foreign{"general.architecture", "clip",
            "the part of a model for pictures or sound: name the file of its text part"},
    Foreign{"general.architecture", "controlvector",
            "a control vector, no model of its own: name the model's own file"},
};

void refuse_foreign(const Metadata& metadata) {
  for (const Foreign& foreign : kForeign) {
    const MetadataValue* const value = metadata.find(foreign.key);
    const auto* const text = value == nullptr ? nullptr : std::get_if<std::string_view>(value);
    if (text == nullptr || *text != foreign.value) continue;
    throw UnsupportedError("{}: {} is {}: it is {}", metadata.origin(), quoted(foreign.key),
                           quoted(*text), foreign.what);
  }
}

/// Whether the family's folders have such a tensor.
bool has_tensor(const RegisteredFamily& family, std::string_view pattern) {
  return std::ranges::any_of(family.folders, [&](const FolderSchema* folder) {
    return folder != nullptr && std::ranges::any_of(folder->tensors, [&](const TensorRule& rule) {
             return rule.canonical == pattern || rule.canonical == stem_of(pattern);
           });
  });
}

/// What stands beside a tensor in every folder of the family has to stand there in its GGUF files.
void check_companions(const RegisteredFamily& family, const WeightSource& weights) {
  std::vector<CompanionRule> rules;
  for (const CompanionRule& rule : family.folders.front()->companions) {
    if (std::ranges::all_of(family.folders, [&](const FolderSchema* folder) {
          return folder == nullptr ||
                 std::ranges::find(folder->companions, rule) != folder->companions.end();
        }))
      rules.push_back(rule);
  }
  Companions companions(rules);
  for (const StoredTensor& tensor : weights.tensors()) {
    const NamePattern pattern = pattern_of(tensor.name);
    if (has_tensor(family, pattern.text))
      companions.expect(pattern.text, pattern.numbers, tensor.name);
  }
  companions.check(weights);
}

}  // namespace

KnownFamilies known_families() {
  static const std::vector<const EncoderSchema*> encoders = [] {
    std::vector<const EncoderSchema*> all;
    for (const auto known : {known_encoders(), known_sound_encoders()})
      all.insert(all.end(), known.begin(), known.end());
    return all;
  }();
  static const std::vector<GgufSchema> gguf_names = [] {
    std::vector<GgufSchema> all;
    for (const RegisteredFamily& family : kFamilies)
      if (family.gguf != nullptr) all.push_back(*family.gguf);
    return all;
  }();
  return {.folders = kFolders,
          .gguf_architectures = kNames,
          .encoders = encoders,
          .gguf_names = gguf_names};
}

CanonicalCheckpoint canonical_checkpoint(std::shared_ptr<const Metadata> metadata,
                                         std::shared_ptr<const WeightSource> weights) {
  if (speech_family(*metadata) != nullptr) {
    throw UnsupportedError(
        "{}: the model writes down what it hears and nothing else; `sirocco transcribe` runs it",
        metadata->origin());
  }
  return canonical_checkpoint(std::move(metadata), std::move(weights), known_families());
}

bool describes_speech_model(const Metadata& metadata) { return speech_family(metadata) != nullptr; }

CanonicalCheckpoint canonical_speech_checkpoint(std::shared_ptr<const Metadata> metadata,
                                                std::shared_ptr<const WeightSource> weights) {
  const RegisteredSpeechFamily* const family = speech_family(*metadata);
  if (family == nullptr) {
    throw UnsupportedError(
        "{}: is no Hugging Face folder of a model that writes down what it hears; known are those "
        "of Whisper",
        metadata->origin());
  }
  return canonical_checkpoint(std::move(metadata), std::move(weights), family->folder);
}

SpeechModel load_speech_model(const ModelSources& from) {
  const auto name = from.metadata.require<std::string_view>("general.architecture");
  for (const RegisteredSpeechFamily& family : kSpeechFamilies) {
    if (family.folder.architecture == name) return family.load(from);
  }
  throw UnsupportedError("{}: {} is no architecture that writes down what it hears",
                         from.metadata.origin(), quoted(name));
}

std::vector<SupportedModel> supported_models() {
  std::vector<SupportedModel> out;
  for (const RegisteredFamily& family : kFamilies) {
    out.push_back({family.architecture, family.models, family.source, {}});
    for (const FolderSchema* schema : family.folders) {
      if (schema == nullptr) continue;
      for (const std::string_view type : schema->model_types)
        out.back().model_types.push_back(type);
    }
  }
  return out;
}

std::unique_ptr<ModelBuilder> make_model_builder(const Metadata& metadata,
                                                 const WeightSource& weights, WeightPacker& packer,
                                                 LoadProgress progress) {
  refuse_foreign(metadata);
  const auto name = metadata.require<std::string_view>("general.architecture");
  for (const RegisteredFamily& family : kFamilies) {
    if (family.architecture != name) continue;
    auto builder = family.make_builder({metadata, weights, packer, std::move(progress)});
    check_companions(family, weights);
    return builder;
  }
  throw UnsupportedError("{}: architecture {} isn't supported; known are {}", metadata.origin(),
                         quoted(name), known_names(kNames, name));
}

}  // namespace sirocco
