#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "sirocco/hub/model_store.hpp"

namespace sirocco {

/// A description as it is written to model.json. `folder` is where its files are, beside it.
std::string description_text(const HubName& name, const ModelStore::Description& description,
                             const std::string& folder);

/// The model that a model.json describes; nothing where there is no such file, or where it isn't
/// one that `description_text` could have written.
std::optional<ModelStore::Published> read_description(const std::filesystem::path& file);

}  // namespace sirocco
