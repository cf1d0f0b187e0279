#include "sirocco/models/vision_schema.hpp"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {

void say_activation(FolderDescription& d, std::string_view fallback) {
  if (!d.is_set("vision.hidden_act")) d.set("vision.hidden_act", fallback);
}

void set_feature_layers(FolderDescription& d, std::int64_t fallback) {
  const std::string path = "config.vision_feature_layer";
  const std::int64_t layers = d.integer("vision.block_count");
  std::vector<std::int64_t> wanted;
  const MetadataValue* const value = d.folder().find(path);
  const auto* const several =
      value == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(value);
  if (several != nullptr)
    wanted = *several;
  else
    wanted.push_back(d.folder().get_or<std::int64_t>(path, fallback));
  for (std::int64_t& layer : wanted) {
    const std::int64_t said = layer;
    if (layer < 0) layer += layers + 1;
    if (layer < 0 || layer > layers) {
      throw FormatError("{}: {} has {}, but the encoder has {} layers", d.origin(), quoted(path),
                        said, layers);
    }
  }
  const std::int64_t last = wanted.empty() ? 0 : *std::ranges::max_element(wanted);
  if (last == 0)
    throw FormatError("{}: {} names no layer of the encoder", d.origin(), quoted(path));
  d.set("vision.block_count", last);
  if (wanted.size() > 1) d.set("vision.feature_layer", std::move(wanted));
}

void require_gelu_projector(const FolderDescription& d) {
  const auto projector = of_the_whole<std::string_view>(d, "projector_hidden_act", "gelu");
  if (projector != "gelu") {
    throw UnsupportedError("{}: 'config.projector_hidden_act' is {}, but only 'gelu' is supported",
                           d.origin(), quoted(projector));
  }
}

void set_layers(FolderDescription& d, std::string_view key, std::string_view member,
                std::span<const std::int64_t> fallback) {
  std::vector<std::int64_t> layers(fallback.begin(), fallback.end());
  if (d.says(member)) {
    const auto* const said = d.said_array<std::vector<std::int64_t>>(member);
    if (said == nullptr) {
      throw FormatError("{}: {} must be a list of layers", d.origin(),
                        quoted(d.config_path(member)));
    }
    layers = *said;
  }
  d.set(key, std::move(layers));
}

}  // namespace sirocco
