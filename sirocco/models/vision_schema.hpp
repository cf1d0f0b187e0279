#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/folder_schema.hpp"

namespace sirocco {

/// A VisionFamily is how the parts of a family's folders that see pictures are read.
struct VisionFamily {
  std::string_view models;
  std::string_view projector;
  std::span<const std::string_view> types;
  std::span<const std::string_view> classes;
  std::span<const ConfigKey> keys;
  std::span<const TensorRule> tensors;
  std::span<const CompanionRule> companions;
  std::span<const std::string_view> unused;
  void (*finish)(FolderDescription&);
  bool (*applies)(const FolderDescription&) = nullptr;
};
constexpr EncoderSchema schema_of(const VisionFamily& family) {
  return {.of = {.architecture = "clip",
                 .model_types = family.types,
                 .classes = family.classes,
                 .keys = family.keys,
                 .tensors = family.tensors,
                 .companions = family.companions,
                 .applies = family.applies,
                 .finish = family.finish,
                 .part = "vision_config",
                 .part_alone = true},
          .models = family.models,
          .projector = family.projector,
          .unused = family.unused};
}

// What finishing them has in common.

/// A member of the whole's.
template <class T>
T of_the_whole(const FolderDescription& d, std::string_view name, T fallback) {
  return d.folder().get_or<T>("config." + std::string(name), fallback);
}
/// Sets what the class has where the folder leaves it out.
void say_activation(FolderDescription& d, std::string_view fallback);
/// The layers up to the last one whose rows are wanted, by `vision_feature_layer` of the whole's.
/// They may be counted from behind, and be several. Throws FormatError.
void set_feature_layers(FolderDescription& d, std::int64_t fallback);
/// Throws UnsupportedError for an activation of a projector that isn't "gelu".
void require_gelu_projector(const FolderDescription& d);
/// A list of layers, as `key`. Throws FormatError where it isn't one.
void set_layers(FolderDescription& d, std::string_view key, std::string_view member,
                std::span<const std::int64_t> fallback);

// Of pictures of any size.

extern const EncoderSchema kQwen2Vision;
extern const EncoderSchema kQwen25Vision;
extern const EncoderSchema kQwen3Vision;
extern const EncoderSchema kPixtralVision;
extern const EncoderSchema kMistral3Vision;

}  // namespace sirocco
