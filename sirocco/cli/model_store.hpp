#pragma once

#include <filesystem>
#include <string_view>

namespace sirocco {

/// Where models are kept: $SIROCCO_HOME/models, or $XDG_DATA_HOME/sirocco/models, or
/// ~/.local/share/sirocco/models.
std::filesystem::path model_store();

/// The file that `name` means: a path, or a model in the store (with or without ".gguf"); the
/// default model when it is empty. Throws NotFound, saying where it looked and what to do.
std::filesystem::path resolve_model(std::string_view name);

}  // namespace sirocco
