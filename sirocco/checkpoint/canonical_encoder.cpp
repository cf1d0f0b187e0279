#include "sirocco/checkpoint/canonical_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/arrange.hpp"
#include "sirocco/checkpoint/companions.hpp"
#include "sirocco/checkpoint/derived_weights.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/folder_names.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"
#include "sirocco/checkpoint/passed_tensors.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kTower = "tower.";

/// What folders put in front of the names of an encoder's tensors, the longer first: of one of
/// pictures, and of one of sound.
constexpr std::array<std::string_view, 7> kTowers = {"vision_tower.vision_model.",
                                                     "vision_tower.",
                                                     "vision_model.vision_model.",
                                                     "vision_model.",
                                                     "image_tower.",
                                                     "vision_encoder.",
                                                     "visual."};
constexpr std::array<std::string_view, 1> kSoundTowers = {"audio_tower."};
/// The same of a projector's: these stay.
constexpr std::array<std::string_view, 5> kProjectors = {
    "multi_modal_projector.", "connector.", "image_newline", "mm_projector.", "visual_projection."};

/// A tensor's name as schemas have it; empty for one that belongs to another part.
std::string own_name(const EncoderSchema& schema, std::string_view name) {
  if (constexpr std::string_view kWhole = "model."; name.starts_with(kWhole))
    name.remove_prefix(kWhole.size());
  const std::span<const std::string_view> towers =
      schema.hears ? std::span<const std::string_view>(kSoundTowers) : kTowers;
  for (const std::string_view tower : towers)
    if (name.starts_with(tower)) return fmt::format("{}{}", kTower, name.substr(tower.size()));
  for (const std::string_view projector : kProjectors)
    if (name.starts_with(projector)) return std::string(name);
  return "";
}

bool is_unused(const EncoderSchema& schema, std::string_view name) {
  return std::ranges::any_of(schema.unused,
                             [&](std::string_view begin) { return name.starts_with(begin); });
}

/// A description that keeps what its texts point into.
struct OwnedEncoder {
  std::shared_ptr<const Metadata> folder;
  FolderDescription description;
  std::map<std::string, std::string, std::less<>> names;  ///< in the folder, by those here
};

class EncoderWeights {
 public:
  EncoderWeights(const EncoderSchema& schema, OwnedEncoder& owned,
                 std::shared_ptr<const WeightSource> source)
      : schema_(schema),
        owned_(owned),
        source_(*source),
        layers_(
            owned.description.integer(schema.hears ? "audio.block_count" : "vision.block_count")),
        companions_(schema.of.companions, owned.description),
        derived_(std::make_shared<DerivedWeights>(source, RotaryRows::kHalfSplit)) {}

  std::shared_ptr<const WeightSource> build(std::shared_ptr<OwnedEncoder> keep) {
    for (const StoredTensor& tensor : source_.tensors()) place(tensor);
    for (const LackingTensor& tensor : source_.lacking()) {
      const std::string name = own_name(schema_, tensor.name);
      if (name.empty() || is_unused(schema_, name) || is_placed(name)) continue;
      if (tensor.stored) throw UnsupportedError("{}", tensor.why);
      throw NotFound("{}", tensor.why);
    }
    derived_->finish();
    derived_->name_by([keep = std::move(keep)](std::string_view name) {
      const auto at = keep->names.find(name);
      return at == keep->names.end() ? std::string(name) : at->second;
    });
    companions_.check(*derived_);
    return derived_;
  }

 private:
  template <class F>
  bool each_rule(std::string_view own, const F& f) const {
    const NamePattern pattern = pattern_of(own);
    bool known = false;
    for (const TensorRule& rule : schema_.of.tensors) {
      // A parameter of its own has neither ".weight" nor ".bias" behind its name.
      const std::string canonical = rule.folder == pattern.text
                                        ? std::string(rule.canonical)
                                        : canonical_pattern(rule, pattern.text);
      if (canonical.empty()) continue;
      known = true;
      f(rule, canonical, pattern.numbers);
    }
    return known;
  }

  bool is_placed(std::string_view own) const {
    bool placed = false;
    each_rule(own, [&](const TensorRule&, std::string_view canonical,
                       const std::vector<std::int32_t>& numbers) {
      placed = placed || owned_.names.contains(with_numbers(canonical, numbers)) ||
               is_beyond(canonical, numbers);
    });
    return placed;
  }

  /// Whether it is of a layer behind the last whose rows are wanted.
  bool is_beyond(std::string_view canonical, const std::vector<std::int32_t>& numbers) const {
    return canonical.starts_with("v.blk.#.") && numbers[0] >= layers_;
  }

  void place(const StoredTensor& tensor) {
    const std::string own = own_name(schema_, tensor.name);
    if (own.empty() || is_unused(schema_, own)) return;
    const bool known = each_rule(own, [&](const TensorRule& rule, std::string_view canonical,
                                          const std::vector<std::int32_t>& numbers) {
      if (is_beyond(canonical, numbers)) return;
      companions_.expect(canonical, numbers, tensor.name);
      std::string name = with_numbers(canonical, numbers);
      const auto [at, is_first] = owned_.names.emplace(name, tensor.name);
      if (!is_first) {
        throw FormatError("{}: tensors {} and {} are one and the same to a model", source_.origin(),
                          quoted(at->second), quoted(tensor.name));
      }
      derived_->add(name, arranged(rule, name.ends_with(".bias"), tensor, *derived_));
    });
    if (!known)
      refuse_unknown_tensor(source_.origin(), quoted(tensor.name), schema_.of.model_types.front());
  }

  const EncoderSchema& schema_;
  OwnedEncoder& owned_;
  const WeightSource& source_;
  std::int64_t layers_;
  Companions companions_;
  std::shared_ptr<DerivedWeights> derived_;
};

/// Whether a file of llama.cpp's holds an encoder of that kind. Files of old didn't say that it
/// was one of pictures.
bool holds(const Metadata& file, bool hears) {
  const bool has_sound = file.get_or<bool>("clip.has_audio_encoder", false);
  return hears ? has_sound : file.get_or<bool>("clip.has_vision_encoder", !has_sound);
}

}  // namespace

const EncoderSchema* find_encoder(const Metadata& folder,
                                  std::span<const EncoderSchema* const> known) {
  const auto type = folder.get<std::string_view>("config.model_type");
  if (!type) return nullptr;
  for (const EncoderSchema* schema : known) {
    const FolderDescription description(folder, &schema->of);
    if (std::ranges::find(schema->of.model_types, *type) != schema->of.model_types.end() &&
        description.has_parts() &&
        (schema->of.applies == nullptr || schema->of.applies(description)))
      return schema;
  }
  return nullptr;
}

std::optional<CanonicalCheckpoint> canonical_encoder(std::shared_ptr<const Metadata> metadata,
                                                     std::shared_ptr<const WeightSource> weights,
                                                     std::span<const EncoderSchema* const> known) {
  if (const auto architecture = metadata->get<std::string_view>("general.architecture")) {
    if (*architecture != "clip" || !holds(*metadata, known.front()->hears)) return std::nullopt;
    return CanonicalCheckpoint{std::move(metadata), std::move(weights)};
  }
  const EncoderSchema* const schema = find_encoder(*metadata, known);
  if (schema == nullptr) return std::nullopt;
  auto owned = std::make_shared<OwnedEncoder>(
      OwnedEncoder{metadata, describe_folder(*metadata, schema->of), {}});
  owned->description.set("projector_type", schema->projector);
  std::shared_ptr<const WeightSource> built =
      EncoderWeights(*schema, *owned, std::move(weights)).build(owned);
  return CanonicalCheckpoint{{owned, &owned->description}, std::move(built)};
}

}  // namespace sirocco
